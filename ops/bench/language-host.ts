import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import { GetRequiredPluginsResponse, type RunRequest, RunResponse } from "@pulumi/pulumi/proto/language_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { spawn } from "node:child_process";
import { ROOT } from "../stack-file";

/** How the SDK's own entry is started: the `runtime` options of Pulumi.yaml. */
export interface Runtime {
  readonly nodeargs: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The Node.js language host of the official CLI, as far as it matters here: it runs the SDK's own entry on the repository.
 * @returns What `pulumi --client` takes, and how to end it.
 */
export async function startLanguageHost({ nodeargs, env }: Runtime): Promise<{ address: string; stop: () => void }> {
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
        require.resolve("@pulumi/pulumi/cmd/run"),
        `--monitor=${request.getMonitorAddress()}`,
        `--engine=${request.getArgsList()[0] ?? ""}`,
        `--project=${request.getProject()}`,
        `--stack=${request.getStack()}`,
        `--pwd=${ROOT}`,
        `--root-directory=${ROOT}`,
        ...(request.getDryrun() ? ["--dry-run"] : []),
        ".",
      ];
      const config = JSON.stringify(Object.fromEntries(request.getConfigMap().toObject(false)));
      const child = spawn(process.execPath, args, {
        cwd: ROOT,
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
