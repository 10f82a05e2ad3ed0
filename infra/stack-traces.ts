/** How many frames show where our code failed. */
const FRAMES = 4;

/** How many V8 keeps: https://v8.dev/docs/stack-trace-api */
const DEFAULT_FRAMES = 10;

/**
 * Shortens stack traces from here on, because the SDK writes one down for each of its promises: in a preview of 100 services they
 * take 2.2 GiB instead of 1.8. Another length, given to Node.js as `--stack-trace-limit`, stays.
 */
export function shortenStackTraces(): void {
  if (Error.stackTraceLimit === DEFAULT_FRAMES) Error.stackTraceLimit = FRAMES;
}
