/** Line icons on a grid of 16. */
const PATHS = {
  account: "M8 8a2.75 2.75 0 1 0 0-5.5A2.75 2.75 0 0 0 8 8Zm-5.5 5.5c.6-2.6 2.8-4 5.5-4s4.9 1.4 5.5 4",
  alert: "M4 7a4 4 0 0 1 8 0c0 3.5 1.5 4.5 1.5 4.5h-11S4 10.500 4 7Zm2.700 6.500h2.600",
  bucket:
    "M2.500 4c0-1 2.500-1.700 5.500-1.700s5.500.7 5.500 1.700-2.500 1.700-5.500 1.700S2.500 5 2.500 4Zm0 0 1.400 8.300c.2.800 2 1.400 4.100 1.400s3.900-.6 4.100-1.400L13.500 4",
  busy: "M8 2.500a5.500 5.500 0 1 1-5.500 5.500",
  check: "m3.500 8.500 3 3 6-7",
  cross: "m4.500 4.500 7 7m0-7-7 7",
  database:
    "M3 4c0-1 2.200-1.700 5-1.700S13 3 13 4s-2.200 1.700-5 1.700S3 5 3 4Zm0 0v8c0 1 2.200 1.700 5 1.700s5-.7 5-1.700V4M3 8c0 1 2.200 1.700 5 1.700S13 9 13 8",
  doctor: "M6 2.500h4V6h3.500v4H10v3.500H6V10H2.500V6H6Z",
  idle: "M4 8h8",
  incident: "M9 2 3.500 9H8l-1 5 5.500-7H8Z",
  instance: "M2.500 3h11v4h-11Zm0 6h11v4h-11Zm2.500-4h.01M5 11h.01",
  login: "M6.500 9.500a3.500 3.500 0 1 1 3 1.500l-1 1H7v1.500H5.500V15H3v-2.500Zm4-3.500h.01",
  password: "M3 5.500h10v5H3Zm2.500 2.500h.01M8 8h.01m2.490 0h.01",
  requests: "M2.500 5h10m0 0L10 2.500M12.500 5 10 7.500M13.500 11h-10m0 0L6 8.500M3.500 11 6 13.500",
  revision: "M4 2.500h8v11H4Zm2.500 3h3m-3 2.500h3",
  schema: "M2.500 3h11v10h-11Zm0 3.500h11M6.500 6.500V13",
  secret: "M4 7.500h8v6H4Zm1.500 0V5a2.500 2.500 0 0 1 5 0v2.500",
  service: "M5 12.500a3 3 0 0 1-.3-6A3.500 3.500 0 0 1 11.500 6a3.200 3.200 0 0 1 0 6.500Z",
  system: "M2.500 2.500h4v4h-4Zm7 7h4v4h-4Zm-5-3v5h5m2-2v-5h-5",
  unseen: "M6 6a2 2 0 1 1 2.700 1.900c-.5.2-.7.5-.7 1.100v.5M8 12h.01",
  uptime: "M2 8h3l1.500-4.500 3 9L11 8h3",
  warning: "M8 2.500 14 13H2Zm0 4v3m0 1.700h.01",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon, which says nothing to a screen reader. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
