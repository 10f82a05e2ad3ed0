import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import language, { type RunRequest, type RunResponse } from "@pulumi/pulumi/proto/language_pb.js";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";

// Plain `pulumi` runs a program through a language host, which comes with the official CLI but not with one built from its
// Go module. The Automation API is no substitute: it runs the program in its own process, without the SDK's entry that takes
// `nodeargs`, loads ts-node and reports errors, which is what is measured and tested here.

/**
 * Starts a language host that runs Node.js programs as the official one does: by the SDK's entry, in the program's folder,
 * with `typescript` and `nodeargs` of Pulumi.yaml.
 * @returns What `pulumi --client` takes, and how to stop it.
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
    // 32: the SDK has told the engine already what is wrong.
    if (code === 32) response.setBail(true);
    else if (code !== 0) response.setError(`the program ended with code ${String(code)}`);
    done(null, response);
  });
};
