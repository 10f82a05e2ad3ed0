import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type * as Messages from "@pulumi/pulumi/proto/provider_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import structMessages from "google-protobuf/google/protobuf/struct_pb.js";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { UNKNOWN_TEXT } from "./declare.ts";

const { Struct } = structMessages;
const { Empty } = emptyMessages;

const { PluginInfo } = pluginMessages;

/** The password that the echo provider generates; no output may contain it. */
export const GENERATED_PASSWORD = "made-by-the-echo-0123456789";

/** A running echo provider. */
export interface Echo {
  readonly port: number;
  /** The resources created by updates, in order. */
  readonly created: { readonly type: string; readonly inputs: Readonly<Record<string, unknown>> }[];
  stop(): void;
}

/**
 * Starts a stand-in for every provider that accepts all inputs and returns them as outputs. As with the real provider, a
 * generated password is unknown in a preview.
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
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind("127.0.0.1:0", grpc.ServerCredentials.createInsecure());
  return { port, created, stop: server.forceShutdown.bind(server) };
}

function answer<Request>(respond: (request: Request) => unknown) {
  return (call: { readonly request: Request }, callback: (error: null, response: unknown) => void) => {
    callback(null, respond(call.request));
  };
}
