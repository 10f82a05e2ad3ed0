/** A line of a list, with the lines below it. */
export type Item = string | { readonly text: string; readonly below: readonly string[] };

/** How the parts of a preview are written: as Markdown, or for a terminal. */
export interface Style {
  /** A name or a value. */
  readonly code: (text: string) => string;
  /** A text from elsewhere, in which nothing is markup. */
  readonly prose: (text: string) => string;
  readonly link: (text: string, url: string) => string;
  /** Emphasised words. */
  readonly strong: (text: string) => string;
  /** The first line. @param blocked Whether the update is blocked. */
  readonly verdict: (sentence: string, blocked: boolean, stack: string) => string;
  readonly paragraph: (text: string) => string;
  readonly list: (items: readonly Item[]) => string;
  /** @param head The columns' titles. */
  readonly table: (head: readonly string[], rows: readonly (readonly string[])[]) => string;
  /** Lines in a language: `diff`, `sql`, `yaml` or `mermaid`. */
  readonly fence: (language: string, lines: readonly string[]) => string;
  /** Details below a title. */
  readonly folded: (title: string, text: string) => string;
}
