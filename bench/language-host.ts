import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import language, { type RunRequest, type RunResponse } from "@pulumi/pulumi/proto/language_pb.js";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";

// `pulumi` runs a program through a language host, which is missing from a CLI built from the Go module. The Automation API
// is no substitute: it bypasses the SDK's entry point, which takes `nodeargs`, loads ts-node and reports errors, and which is
// what is measured and tested here.

/**
 * Starts a language host that runs Node.js programs like the official one: with the SDK's entry point, in the program's
 * folder, with `typescript` and `nodeargs` from Pulumi.yaml.
 * @returns The address for `pulumi --client`, and a function that stops the host.
 */
export async function startLanguageHost(): Promise<{ address: string; stop: () => void }> {
  const server = new grpc.Server();
  server.addService(LanguageRuntimeService, { run });
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind("127.0.0.1:0", grpc.ServerCredentials.createInsecure());
  return { address: `127.0.0.1:${port}`, stop: server.forceShutdown.bind(server) };
}

const run: grpc.handleUnaryCall<RunRequest, RunResponse> = ({ request }, done) => {
  const folder = request.getInfo()?.getProgramDirectory() ?? "";
  const options = request.getInfo()?.getOptions()?.toJavaScript() ?? {};
  const { nodeargs = "", typescript = true } = options as { nodeargs?: string; typescript?: boolean };
  const args = [
    ...nodeargs.split(" ").filter(Boolean),
    createRequire(import.meta.filename).resolve("@pulumi/pulumi/cmd/run/index.js"),
    `--monitor=${request.getMonitorAddress()}`,
    `--engine=${request.getArgsList()[0] ?? ""}`,
    `--project=${request.getProject()}`,
    `--stack=${request.getStack()}`,
    `--pwd=${folder}`,
    `--root-directory=${folder}`,
    ...(request.getDryrun() ? ["--dry-run"] : []),
    ".",
  ];
  const config = JSON.stringify(Object.fromEntries(request.getConfigMap().toObject(false)));
  const env = { ...process.env, PULUMI_CONFIG: config, PULUMI_NODEJS_TYPESCRIPT: String(typescript) };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
  child.on("exit", (code) => {
    const response = new language.RunResponse();
    // With exit code 32, the SDK has already reported the error to the engine.
    if (code === 32) response.setBail(true);
    else if (code !== 0) response.setError(`the program exited with code ${String(code)}`);
    done(null, response);
  });
};
