import { exceptLoopback } from "../../../ops/terminal/proxy.ts";

const PROXY = "http://proxy.example.com:3128";
const LOOPBACK = "localhost,127.0.0.1,::1";

/** The environment afterwards, without the proxies. */
function excepted(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const changed = { ...env };
  exceptLoopback(changed);
  return Object.fromEntries(Object.entries(changed).filter(([name]) => /^no_/i.test(name)));
}

test.each([
  ["without a proxy nothing changes", { no_proxy: "a.example.com" }, { no_proxy: "a.example.com" }],
  ["lower-case variables", { http_proxy: PROXY }, { NO_PROXY: LOOPBACK, no_proxy: LOOPBACK }],
  ["upper-case variables", { HTTPS_PROXY: PROXY }, { NO_PROXY: LOOPBACK, no_proxy: LOOPBACK }],
  [
    "exceptions of both spellings are kept, each once",
    { https_proxy: PROXY, NO_PROXY: ".example.com, 127.0.0.1", no_proxy: "10.0.0.0/8,.example.com" },
    {
      NO_PROXY: ".example.com,127.0.0.1,10.0.0.0/8,localhost,::1",
      no_proxy: ".example.com,127.0.0.1,10.0.0.0/8,localhost,::1",
    },
  ],
  [
    "an exception for everything",
    { all_proxy: PROXY, no_proxy: "*" },
    { NO_PROXY: `*,${LOOPBACK}`, no_proxy: `*,${LOOPBACK}` },
  ],
  [
    "gRPC's own list",
    { grpc_proxy: PROXY, no_grpc_proxy: "b.example.com" },
    { NO_PROXY: LOOPBACK, no_proxy: LOOPBACK, no_grpc_proxy: `b.example.com,${LOOPBACK}` },
  ],
])("excepts this machine: %s", (_what, env, expected) => {
  expect(excepted(env)).toEqual(expected);
});
