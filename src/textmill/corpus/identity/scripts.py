"""Which script a Chinese text is written in, by characters that the other script writes differently."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Frequent characters whose traditional form is not used in simplified text nor the other way round: pairs
# such as 後/后, 裡/里 or 乾/干 are left out, for both forms of them are traditional characters.
TRADITIONAL = (
    "這個們來時說國會學對過還開間長東車馬見門問聞給經級練結統線網約紅組織終細絕續買賣讀書話語請讓認識記許設該詳計訂討論評試詞課誰調談"
    "謝證譯讚護變邊達運進遠遲選連週遞錢銀鐵錯鏡鐘針釣鋼録長陽陰陳陸階際險隊難電雲靈靜韓響頁頂項順須預頭題顏願類顯風飛飯飲館養餘驗驚騎"
    "體髮魚鳥鳴麗麥黃點齊齒龍龜愛爾牆獨獲現環產畫異當發皺監盤確碼禮禍種積穩窮競筆節範築簡籃類糧純紀納紙細絲縣總績繼罰羅義習聖聯職肅腦"
    "臉臺舉舊藝蘇蘭處號蟲術衛衝補裝複覺覽觀觸訪診訴詩誠誤誕誌貝負財貨質貧購貴費貿賀資賓賞賴賽贊趕趙躍軍軟轉輪輕載輛輸農鄉鄧醫釋"
    "漢濟濤灣滿漸澤熱燈燒煙無爺爭歸歡歲殺氣決沒況淚淺測湯準溫滅漁業極樓樣標樹橋機權條楊構槍榮書機棄檢歐懷應戀戰戲戶撥擁擊擔據擴擺攝"
    "敗敵數斷於顧壓壞報場塊塵塔壯壽夢夠奪奮婦媽學孫實寧審寫寶寬將專尋導層屬嶺島嶄師帶幣幫庫廠廢廣張強彈彙從復徑徹恆悅惱愨慘慣態慶憂憶"
    "個倆倉們倫偉側偵偽備傳債傷傾僅價儀億優兒內兩凍幾劃別則剛剝創劇劉劍勁動務勞勢勝勵匯區協單厲參吳員唄啟喚喪嗎嗚嘆嚇嚴囑圍園圖團圓聖"
)
SIMPLIFIED = (
    "这个们来时说国会学对过还开间长东车马见门问闻给经级练结统线网约红组织终细绝续买卖读书话语请让认识记许设该详计订讨论评试词课谁调谈"
    "谢证译赞护变边达运进远迟选连周递钱银铁错镜钟针钓钢录长阳阴陈陆阶际险队难电云灵静韩响页顶项顺须预头题颜愿类显风飞饭饮馆养余验惊骑"
    "体发鱼鸟鸣丽麦黄点齐齿龙龟爱尔墙独获现环产画异当发皱监盘确码礼祸种积稳穷竞笔节范筑简篮类粮纯纪纳纸细丝县总绩继罚罗义习圣联职肃脑"
    "脸台举旧艺苏兰处号虫术卫冲补装复觉览观触访诊诉诗诚误诞志贝负财货质贫购贵费贸贺资宾赏赖赛赞赶赵跃军软转轮轻载辆输农乡邓医释"
    "汉济涛湾满渐泽热灯烧烟无爷争归欢岁杀气决没况泪浅测汤准温灭渔业极楼样标树桥机权条杨构枪荣书机弃检欧怀应恋战戏户拨拥击担据扩摆摄"
    "败敌数断于顾压坏报场块尘塔壮寿梦够夺奋妇妈学孙实宁审写宝宽将专寻导层属岭岛崭师带币帮库厂废广张强弹汇从复径彻恒悦恼悫惨惯态庆忧忆"
    "个俩仓们伦伟侧侦伪备传债伤倾仅价仪亿优儿内两冻几划别则刚剥创剧刘剑劲动务劳势胜励汇区协单厉参吴员呗启唤丧吗呜叹吓严嘱围园图团圆圣"
)
# Simplified forms that traditional text uses too, as other characters.
_BOTH = set("云余周志冲准台范汇赞划几儿别仅个无于气并复征系松向卷曲沈克里后面干只发钟种愿録録录从达借")

_TRADITIONAL = np.zeros(0x10000, dtype=bool)
_SIMPLIFIED = np.zeros(0x10000, dtype=bool)
for _one, _other in zip(TRADITIONAL, SIMPLIFIED, strict=True):
    if _one != _other and _other not in _BOTH:
        _TRADITIONAL[ord(_one)] = True
        _SIMPLIFIED[ord(_other)] = True

LEAST = 3
"""Telling characters that a text needs before it is taken for either script."""
SHARE = 0.8
"""Share of the telling characters that must be of one script."""


def script_of(points: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which documents are traditional and which simplified: bool[documents, 2]; a mixed text is neither.

    Args:
        points: uint32, the code points of all documents one after another.
        offsets: int64[documents + 1], where each begins, and the end.
    """
    inside = np.minimum(points, 0xFFFF)
    counts = []
    for table in (_TRADITIONAL, _SIMPLIFIED):
        before = np.concatenate(([0], np.cumsum(table[inside])))
        counts.append(before[offsets[1:]] - before[offsets[:-1]])
    telling = counts[0] + counts[1]
    return np.stack([(telling >= LEAST) & (count >= SHARE * telling) for count in counts], axis=1)
