/** Names of this machine, as programs compare them with the list of exceptions. */
export const LOOPBACK = ["localhost", "127.0.0.1", "::1"] as const;

/** The variables that hold exceptions: programs read either spelling, and gRPC for Node.js its own first. */
const EXCEPTIONS = ["NO_PROXY", "no_proxy", "no_grpc_proxy"] as const;

/**
 * Excepts this machine from the proxy that an environment names. The engine, its plugins and the embedded cloud talk to each other
 * on this machine, and gRPC for Node.js sends even that to `http_proxy` or `https_proxy`.
 * @param env Changed in place; both spellings get the exceptions of either, which stay. Child processes inherit it.
 */
export function exceptLoopback(env: NodeJS.ProcessEnv = process.env): void {
  if (!Object.keys(env).some((name) => /^(https?|all|grpc)_proxy$/i.test(name))) return;
  const listed = (name: string) => (env[name] ?? "").split(",").map((host) => host.trim());
  const common = [...listed("NO_PROXY"), ...listed("no_proxy")];
  for (const name of EXCEPTIONS) {
    if (name === "no_grpc_proxy" && !env[name]) continue; // gRPC then reads no_proxy
    const hosts = name === "no_grpc_proxy" ? listed(name) : common;
    env[name] = [...new Set([...hosts, ...LOOPBACK])].filter((host) => host !== "").join(",");
  }
}
