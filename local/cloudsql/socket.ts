/** A Cloud SQL volume, as Cloud Run asks for it. */
export interface SocketRequest {
  /** `PROJECT:REGION:INSTANCE`, as the volume names it; judged at every connection, not when the socket is opened. */
  readonly connectionName: string;
  /** Who connects, such as `serviceAccount:EMAIL`: needs `cloudsql.instances.connect` on the instance. */
  readonly member: string;
  /** An existing folder that gets the socket `.s.PGSQL.5432`; its path has at most 92 bytes. */
  readonly folder: string;
  /** Told why a connection was closed, in the Auth Proxy's words. */
  readonly onRefused: (message: string) => void;
}

/** An open socket of a Cloud SQL volume. */
export interface SocketMount {
  /** The socket's path, `FOLDER/.s.PGSQL.5432`. */
  readonly path: string;
  /** Ends its connections and removes it. */
  close(): Promise<void>;
}

/**
 * Opens a socket that leads to an instance's PostgreSQL, as the Cloud SQL Auth Proxy does. Missing permissions, a
 * wrong connection name or a stopped instance are found at each connection, which is then closed.
 * @throws Error where the folder does not exist or its path is too long for a Unix socket.
 */
export type OpenSocket = (request: SocketRequest) => Promise<SocketMount>;
