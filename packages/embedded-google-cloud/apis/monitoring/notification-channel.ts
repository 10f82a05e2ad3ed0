import { type Kind, mutation } from "./kind.ts";

/** Notification channels. */
export const NOTIFICATION_CHANNELS: Kind = {
  version: "v3",
  collection: "notificationChannels",
  settable: ["type", "displayName", "description", "labels", "userLabels", "enabled"],
  required: ["type"],
  complete: (channel, member) => ({
    ...channel,
    enabled: channel.enabled ?? true,
    creationRecord: channel.creationRecord ?? mutation(member),
    mutationRecords: [mutation(member)],
  }),
};
