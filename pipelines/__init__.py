"""One thin file per DVC stage: read params and inputs, call textmill, write outs and metrics."""
