import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type * as Messages from "@pulumi/pulumi/proto/provider_pb.js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import statusMessages from "@pulumi/pulumi/proto/status_pb.js";
import anyMessages from "google-protobuf/google/protobuf/any_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import structMessages from "google-protobuf/google/protobuf/struct_pb.js";
import type { Fields } from "./fields.ts";
import { type Difference, topLevel } from "./diff.ts";
import { readConfiguration } from "./endpoints.ts";
import { Google } from "./google.ts";
import { InitError, type Provider } from "./provider.ts";
import { reveal } from "./values.ts";

const { Struct } = structMessages;
const { Empty } = emptyMessages;
const { Any } = anyMessages;
const { Status } = statusMessages;
const { PluginInfo } = pluginMessages;
type Empty = InstanceType<typeof Empty>;
type PluginInfo = InstanceType<typeof PluginInfo>;
type Struct = InstanceType<typeof Struct>;

// The SDK's own server (`@pulumi/pulumi/provider`) passes on neither the provider's configuration nor the old inputs, makes all
// outputs of an updated resource unknown in previews, and fails on imports, which have no state.

/** A message of the engine may be as large as a state. */
const MESSAGE_LIMIT = 400 * 1024 * 1024;
const VERSION = "9.37.0";

/** A running server. */
export interface Serving {
  readonly port: number;
  stop(): void;
}

/**
 * Serves a provider to Pulumi's engine on a free port of 127.0.0.1.
 * @param env Environment variables for settings that the engine does not configure.
 * @throws Error if an endpoint in the environment is not on loopback.
 */
export async function serve(provider: Provider, env: NodeJS.ProcessEnv): Promise<Serving> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MESSAGE_LIMIT,
    "grpc.max_send_message_length": MESSAGE_LIMIT,
  });
  server.addService(ResourceProviderService, handlers(provider, new Configurations(env)));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return {
    port,
    stop: () => {
      server.forceShutdown();
    },
  };
}

/** The engine opens a connection per configured provider; their configurations may differ. */
class Configurations {
  private readonly byPeer = new Map<string, Google>();
  private latest: Google;
  private readonly env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
    this.latest = new Google(readConfiguration({}, env));
  }

  configure(peer: string, args: Fields): void {
    this.latest = new Google(readConfiguration(args, this.env));
    this.byPeer.set(peer, this.latest);
  }

  of(peer: string): Google {
    return this.byPeer.get(peer) ?? this.latest;
  }
}

function handlers(provider: Provider, configurations: Configurations): grpc.UntypedServiceImplementation {
  const target = (request: { getUrn: () => string }, peer: string) => ({
    urn: request.getUrn(),
    google: configurations.of(peer),
  });
  return {
    getPluginInfo: unary<Empty, PluginInfo>(() => new PluginInfo().setVersion(VERSION)),
    attach: unary<Empty, Empty>(() => new Empty()),
    cancel: unary<Empty, Empty>(() => new Empty()),
    getSchema: unary<Messages.GetSchemaRequest, Messages.GetSchemaResponse>(() =>
      new messages.GetSchemaResponse().setSchema("{}"),
    ),
    configure: unary<Messages.ConfigureRequest, Messages.ConfigureResponse>((request, peer) => {
      configurations.configure(peer, reveal(values(request.getArgs())) as Fields);
      return new messages.ConfigureResponse()
        .setAcceptsecrets(true)
        .setAcceptresources(true)
        .setAcceptoutputs(true)
        .setSupportspreview(true);
    }),
    check: unary<Messages.CheckRequest, Messages.CheckResponse>((request, peer) => {
      const { inputs, failures } = provider.check({
        ...target(request, peer),
        olds: values(request.getOlds()),
        news: values(request.getNews()),
        seed: request.getRandomseed_asU8(),
      });
      // Does not set the property, because the engine would print its value, which could be a secret.
      const listed = failures.map((reason) => new messages.CheckFailure().setReason(reason));
      return new messages.CheckResponse().setInputs(struct(inputs)).setFailuresList(listed);
    }),
    diff: unary<Messages.DiffRequest, Messages.DiffResponse>((request, peer) => {
      const { differences, deleteBeforeReplace } = provider.diff({
        ...target(request, peer),
        oldInputs: values(request.getOldInputs()),
        oldOutputs: values(request.getOlds()),
        news: values(request.getNews()),
        ignoreChanges: request.getIgnorechangesList(),
      });
      return diffResponse(differences).setDeletebeforereplace(deleteBeforeReplace);
    }),
    create: unary<Messages.CreateRequest, Messages.CreateResponse>(async (request, peer) => {
      const { id, outputs } = await provider.create({
        ...target(request, peer),
        news: values(request.getProperties()),
        preview: request.getPreview(),
      });
      return new messages.CreateResponse().setId(id).setProperties(struct(outputs));
    }),
    read: unary<Messages.ReadRequest, Messages.ReadResponse>(async (request, peer) => {
      const state = await provider.read({
        ...target(request, peer),
        id: request.getId(),
        inputs: values(request.getInputs()),
        state: values(request.getProperties()),
      });
      if (!state) return new messages.ReadResponse();
      return new messages.ReadResponse()
        .setId(state.id)
        .setInputs(struct(state.inputs))
        .setProperties(struct(state.outputs));
    }),
    update: unary<Messages.UpdateRequest, Messages.UpdateResponse>(async (request, peer) => {
      const outputs = await provider.update({
        ...target(request, peer),
        id: request.getId(),
        oldInputs: values(request.getOldInputs()),
        oldOutputs: values(request.getOlds()),
        news: values(request.getNews()),
        ignoreChanges: request.getIgnorechangesList(),
        preview: request.getPreview(),
      });
      return new messages.UpdateResponse().setProperties(struct(outputs));
    }),
    invoke: unary<Messages.InvokeRequest, Messages.InvokeResponse>((request) => provider.invoke(request.getTok())),
    delete: unary<Messages.DeleteRequest, Empty>(async (request, peer) => {
      await provider.delete({
        ...target(request, peer),
        id: request.getId(),
        state: values(request.getProperties()),
      });
      return new Empty();
    }),
  };
}

function unary<Request, Response>(
  handle: (request: Request, peer: string) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const answer = async () => handle(call.request, call.getPeer());
    answer().then(
      (response) => {
        callback(null, response);
      },
      (error: unknown) => {
        callback(rpcError(error));
      },
    );
  };
}

function rpcError(error: unknown): Partial<grpc.StatusObject> {
  const message = error instanceof Error ? error.message : String(error);
  const metadata = new grpc.Metadata();
  if (error instanceof InitError) {
    const failed = new messages.ErrorResourceInitFailed()
      .setId(error.id)
      .setProperties(struct(error.outputs))
      .setReasonsList([error.reason]);
    const detail = new Any();
    detail.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const status = new Status().setCode(grpc.status.UNKNOWN).setMessage(message).addDetails(detail);
    metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  }
  return { code: grpc.status.UNKNOWN, details: message, metadata };
}

/** The engine sends no state on import. */
function values(message: Struct | undefined): Fields {
  return message?.toJavaScript() ?? {};
}

function struct(fields: Fields): Struct {
  return Struct.fromJavaScript(fields as Parameters<typeof Struct.fromJavaScript>[0]);
}

function diffResponse(differences: readonly Difference[]): Messages.DiffResponse {
  const { DiffChanges } = messages.DiffResponse;
  const response = new messages.DiffResponse()
    .setChanges(differences.length > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE)
    .setHasdetaileddiff(true);
  for (const difference of differences) {
    response.getDetaileddiffMap().set(difference.path, new messages.PropertyDiff().setKind(kindOf(difference)));
    const property = topLevel(difference.path);
    if (!response.getDiffsList().includes(property)) response.addDiffs(property);
    if (difference.replaces && !response.getReplacesList().includes(property)) response.addReplaces(property);
  }
  return response;
}

function kindOf({ kind, replaces }: Difference): Messages.PropertyDiff.Kind {
  const { Kind } = messages.PropertyDiff;
  const kinds = {
    add: [Kind.ADD, Kind.ADD_REPLACE],
    delete: [Kind.DELETE, Kind.DELETE_REPLACE],
    update: [Kind.UPDATE, Kind.UPDATE_REPLACE],
  } as const;
  return kinds[kind][replaces ? 1 : 0];
}
