// The SDK takes a stack trace for each of its promises, which jest maps to the files' own lines, up to a hundred frames deep.
Error.stackTraceLimit = 10;
