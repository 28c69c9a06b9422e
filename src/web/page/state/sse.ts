/** Server-sent events out of a stream of text (WHATWG HTML, "Interpreting an event stream"). */
export interface Message {
  readonly event: string;
  readonly data: string;
  /** The last one that was said; empty: none was. */
  readonly id: string;
}

export class MessageReader {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #id = "";

  /** The messages that end in this piece. */
  read(piece: string): Message[] {
    const messages: Message[] = [];
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") this.#finish(messages);
      else this.#take(line);
    }
    return messages;
  }

  #take(line: string): void {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id") this.#id = value;
  }

  #finish(messages: Message[]): void {
    if (this.#data.length > 0) messages.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
    this.#event = "";
    this.#data = [];
  }
}
