import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type * as Messages from "@pulumi/pulumi/proto/provider_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import structMessages from "google-protobuf/google/protobuf/struct_pb.js";
import { randomUUID } from "node:crypto";
import { UNKNOWN_TEXT } from "./declare.ts";

const { Struct } = structMessages;
const { Empty } = emptyMessages;

const { PluginInfo } = pluginMessages;

/** The password that {@link startEcho} generates; no output may contain it. */
export const GENERATED_PASSWORD = "made-by-the-echo-0123456789";

/** A provider that is being served. */
export interface Echo {
  readonly port: number;
  /** What was really created, in order. */
  readonly created: { readonly type: string; readonly inputs: Readonly<Record<string, unknown>> }[];
  stop(): void;
}

/**
 * Stands for every provider where only the engine and the pack matter: whatever a program sets is accepted and comes back.
 * A generated password is unknown in a preview and known after it was made, as with the real provider.
 */
export async function startEcho(): Promise<Echo> {
  const created: Echo["created"] = [];
  const server = new grpc.Server();
  server.addService(ResourceProviderService, {
    attach: answer(() => new Empty()),
    getPluginInfo: answer(() => new PluginInfo()),
    checkConfig: answer((request: Messages.CheckRequest) => new messages.CheckResponse().setInputs(request.getNews())),
    diffConfig: answer(() => new messages.DiffResponse()),
    configure: answer(() => new messages.ConfigureResponse().setSupportspreview(true)),
    check: answer((request: Messages.CheckRequest) => new messages.CheckResponse().setInputs(request.getNews())),
    create: answer((request: Messages.CreateRequest) => {
      const inputs = request.getProperties()?.toJavaScript() ?? {};
      const outputs = { ...inputs };
      if (request.getType() === "random:index/randomPassword:RandomPassword") {
        outputs.result = request.getPreview() ? UNKNOWN_TEXT : GENERATED_PASSWORD;
      }
      if (!request.getPreview()) created.push({ type: request.getType(), inputs });
      const id = request.getPreview() ? "" : randomUUID();
      return new messages.CreateResponse().setId(id).setProperties(Struct.fromJavaScript(outputs));
    }),
    delete: answer(() => new Empty()),
    cancel: answer(() => new Empty()),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return {
    port,
    created,
    stop: () => {
      server.forceShutdown();
    },
  };
}

function answer<Request>(respond: (request: Request) => unknown) {
  return (call: { readonly request: Request }, callback: (error: null, response: unknown) => void) => {
    callback(null, respond(call.request));
  };
}
