let patched;

/** The SDK takes a stack trace for each of its promises, in case one leaks; to map them took a sixth of a preview's own time. */
exports.withoutStacks = (debuggable) => {
  if (patched === debuggable || process.env.PULUMI_DEBUG_PROMISE_LEAKS) return debuggable;
  patched = debuggable;
  const { debuggablePromise } = debuggable;
  debuggable.debuggablePromise = (...args) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return debuggablePromise(...args);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
  return debuggable;
};
