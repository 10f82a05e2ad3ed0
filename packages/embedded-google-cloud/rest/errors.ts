/** HTTP status and canonical name, as in google.rpc.Code. */
const CODES = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  ABORTED: 409,
  PRECONDITION_FAILED: 412,
  PAYLOAD_TOO_LARGE: 413,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const;

export type Status = keyof typeof CODES;

/** An error of a Google API; the server turns it into a response. */
export class GoogleError extends Error {
  readonly code: number;
  readonly status: Status;
  readonly reason: string | undefined;

  /**
   * @param status Canonical name; determines the HTTP status.
   * @param message Google's sentence.
   * @param reason The error code of the older APIs (Cloud SQL, Cloud Storage, IAM), such as `instanceDoesNotExist`.
   */
  constructor(status: Status, message: string, reason?: string) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.name = "GoogleError";
    this.code = CODES[status];
  }
}

/** The response body of most APIs: code, message, canonical status, and a list with the reason, if any. */
export function statusBody({ code, message, status, reason }: GoogleError) {
  return { error: { code, message, ...(reason && { errors: [{ message, domain: "global", reason }] }), status } };
}

/** The response body of the older APIs (Cloud SQL Admin, Cloud Storage): code, message and a list with the reason. */
export function legacyBody(error: GoogleError) {
  const { code, message, reason = "invalid" } = error;
  return { error: { code, message, errors: [{ message, domain: "global", reason }] } };
}
