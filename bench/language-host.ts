import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import languageMessages from "@pulumi/pulumi/proto/language_pb.js";
import type { RunRequest } from "@pulumi/pulumi/proto/language_pb.js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { ROOT } from "../ops/engine/stack-file.ts";
const { PluginInfo } = pluginMessages;

const { GetRequiredPluginsResponse, RunResponse } = languageMessages;
type GetRequiredPluginsResponse = InstanceType<typeof GetRequiredPluginsResponse>;
type PluginInfo = InstanceType<typeof PluginInfo>;
type RunResponse = InstanceType<typeof RunResponse>;

/** How the SDK's own entry is started: what the `runtime` options of Pulumi.yaml become for it. */
export interface Runtime {
  readonly env: NodeJS.ProcessEnv;
  /** Arguments of Node.js, from the folder of the program; none by default. */
  readonly nodeargs?: readonly string[];
  /** The folder of the program; the repository by default. */
  readonly root?: string;
}

/**
 * The Node.js language host of the official CLI, as far as it matters here: it runs the SDK's own entry on the repository.
 * @returns What `pulumi --client` takes, and how to end it.
 */
export async function startLanguageHost({
  env,
  nodeargs = [],
  root = ROOT,
}: Runtime): Promise<{ address: string; stop: () => void }> {
  const server = new grpc.Server();
  server.addService(LanguageRuntimeService, {
    getRequiredPlugins: (_call: unknown, done: grpc.sendUnaryData<GetRequiredPluginsResponse>) => {
      done(null, new GetRequiredPluginsResponse());
    },
    getPluginInfo: (_call: unknown, done: grpc.sendUnaryData<PluginInfo>) => {
      done(null, new PluginInfo().setVersion("1.0.0"));
    },
    run: ({ request }: { request: RunRequest }, done: grpc.sendUnaryData<RunResponse>) => {
      const args = [
        ...nodeargs,
        createRequire(import.meta.filename).resolve("@pulumi/pulumi/cmd/run/index.js"),
        `--monitor=${request.getMonitorAddress()}`,
        `--engine=${request.getArgsList()[0] ?? ""}`,
        `--project=${request.getProject()}`,
        `--stack=${request.getStack()}`,
        `--pwd=${root}`,
        `--root-directory=${root}`,
        ...(request.getDryrun() ? ["--dry-run"] : []),
        ".",
      ];
      const config = JSON.stringify(Object.fromEntries(request.getConfigMap().toObject(false)));
      const child = spawn(process.execPath, args, {
        cwd: root,
        env: { ...process.env, ...env, PULUMI_CONFIG: config },
        stdio: ["ignore", "ignore", "inherit"],
      });
      child.on("exit", (code) => {
        const response = new RunResponse();
        // 32: the SDK has told the engine already what is wrong.
        if (code === 32) response.setBail(true);
        else if (code !== 0) response.setError(`the program ended with code ${String(code)}`);
        done(null, response);
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    stop: () => {
      server.forceShutdown();
    },
  };
}
