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

/** A message in an error, such as `google.rpc.ErrorInfo`. */
export interface Detail {
  readonly "@type": string;
  readonly [field: string]: unknown;
}

/**
 * The reason of an error, for programs: https://cloud.google.com/apis/design/errors#error_info
 * @param reason Such as `SERVICE_DISABLED`.
 * @param domain Which service knows the reason, such as `googleapis.com`.
 * @param metadata What the error is about.
 */
export function errorInfo(reason: string, domain: string, metadata: Readonly<Record<string, string>>): Detail {
  return { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain, metadata };
}

/** An error of a Google API; the server turns it into a response. */
export class GoogleError extends Error {
  readonly code: number;
  readonly status: Status;
  readonly reason: string | undefined;
  readonly details: readonly Detail[];

  /**
   * @param status Canonical name; determines the HTTP status.
   * @param message Google's sentence.
   * @param reason The error code of the older APIs (Cloud SQL, Cloud Storage, IAM), such as `instanceDoesNotExist`.
   * @param details What Google adds for programs; nothing by default.
   */
  constructor(status: Status, message: string, reason?: string, details: readonly Detail[] = []) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
    this.name = "GoogleError";
    this.code = CODES[status];
  }
}

/** The response body of most APIs: code, message, canonical status, a list with the reason, and details, if any. */
export function statusBody({ code, details, message, status, reason }: GoogleError) {
  const errors = reason && { errors: [{ message, domain: "global", reason }] };
  return { error: { code, message, ...errors, status, ...(details.length > 0 && { details }) } };
}

/** The response body of the older APIs (Cloud SQL Admin, Cloud Storage): code, message, a list with the reason, and details, if any. */
export function legacyBody({ code, details, message, reason = "invalid" }: GoogleError) {
  const errors = [{ message, domain: "global", reason }];
  return { error: { code, message, errors, ...(details.length > 0 && { details }) } };
}
