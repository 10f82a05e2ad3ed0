// The SDK takes a stack trace for each promise, and jest maps up to a hundred of its frames to source lines.
Error.stackTraceLimit = 10;
