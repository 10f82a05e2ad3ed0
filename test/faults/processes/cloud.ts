import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { startCloud } from "../../../packages/embedded-google-cloud/index.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";

// Runs the embedded cloud in a separate process, and reports every request to the parent.
const [folder = "", port = "0"] = process.argv.slice(2);

subscribe("http.server.request.start", (message) => {
  const { method, url } = (message as { request: IncomingMessage }).request;
  process.send?.({ request: `${method ?? ""} ${url?.split("?")[0] ?? ""}` });
});
process.on("disconnect", () => process.exit());

const images = {
  "us-central1-docker.pkg.dev/settlement-local/settlement/settlement-service": {
    command: process.execPath,
    args: [join(ROOT, "packages", "settlement-service", "server.js")],
  },
};
void startCloud({ folder, port: Number(port), projects: ["settlement-local"], images }).then((cloud) => {
  process.once("SIGTERM", () => void cloud.stop().then(() => process.exit()));
  process.send?.({ url: cloud.url, token: cloud.identities.ownerToken });
});
