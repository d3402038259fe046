/** A WebRTC data channel with the manners of a WebSocket, for the `dial` of a Connection. */

import { Joiner, cut } from "./protocol/datagrams.js";
import { SUBPROTOCOL } from "./protocol/frames.js";

// Times in milliseconds.
const GATHERING = 2_000;
/** After a goodbye the line is kept this long, so that it arrives. */
const PARTING = 500;
/** Bytes of one frame; more is never sent, because credit does not reach that far. */
const FRAME_LIMIT = 16 * 1024 * 1024;
const BROKEN = 1006;
/** What an HTTP status of the signalling means as a close code (docs/reference/protocol.md, section 11). */
const CODES = { 401: 4201, 403: 4201, 422: 4200, 429: 4101, 501: 4203, 503: 4102 };

const cookie = (name) => document.cookie.match(new RegExp(`(?:^|; )${name}=([^;]*)`))?.[1] ?? "";

/**
 * Has `readyState`, `send(bytes)` and `close(code)`, and dispatches `open`, `message` (with `data`, an ArrayBuffer) and
 * `close` (with `code` and `reason`), as a WebSocket does. `signalling` is the path of the offers, with a slash at its end.
 */
export class DataChannelLine extends EventTarget {
  readyState = 0;
  #peer = null;
  #channel = null;
  #joiner = new Joiner(FRAME_LIMIT);
  #sent = 0;

  constructor(signalling) {
    super();
    this.#open(signalling).catch((error) => {
      if (this.readyState < 2) this.#over(error.code ?? BROKEN, error.message);
    });
  }

  /** Send one message. */
  send(bytes) {
    for (const datagram of cut(this.#sent, bytes)) this.#channel.send(datagram);
    this.#sent += 1;
  }

  /** Close the line; code 1000 says goodbye, any other is a line given up. */
  close(code) {
    if (this.readyState >= 2) return;
    const open = this.readyState === 1;
    this.readyState = 2;
    if (open && code === 1000) this.#channel.send(JSON.stringify({ code }));
    setTimeout(() => this.#over(code ?? 1005, ""), open ? PARTING : 0);
  }

  async #open(signalling) {
    const { ice_servers: iceServers } = await asked(`${signalling}ice-servers`);
    if (this.readyState > 0) return;
    this.#peer = new RTCPeerConnection({ iceServers });
    this.#peer.addEventListener("connectionstatechange", () => {
      if (this.#peer.connectionState === "failed") this.#over(BROKEN, "");
    });
    this.#channel = this.#peer.createDataChannel("aura", { protocol: SUBPROTOCOL });
    this.#channel.binaryType = "arraybuffer";
    this.#channel.addEventListener("open", () => this.#opened());
    this.#channel.addEventListener("message", ({ data }) => this.#received(data));
    this.#channel.addEventListener("close", () => this.#over(BROKEN, ""));
    await this.#peer.setLocalDescription();
    // Only a server that is to call first needs our addresses.
    if (iceServers.length > 0) await gathered(this.#peer);
    const { type, sdp } = this.#peer.localDescription;
    const answer = await asked(`${signalling}offer`, JSON.stringify({ type, sdp }));
    if (this.readyState === 0) await this.#peer.setRemoteDescription(answer);
  }

  #opened() {
    if (this.readyState > 0) return;
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  #received(data) {
    if (typeof data === "string") {
      const { code = BROKEN, reason = "" } = JSON.parse(data);
      this.#over(code, reason);
      return;
    }
    try {
      for (const message of this.#joiner.receive(new Uint8Array(data))) {
        this.dispatchEvent(new MessageEvent("message", { data: message.buffer }));
      }
    } catch (error) {
      console.error("a datagram of the server makes no sense", error);
      this.#over(BROKEN, "");
    }
  }

  #over(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#peer?.close();
    this.dispatchEvent(new CloseEvent("close", { code, reason }));
  }
}

/** Return the JSON that a path answers with. Throws an Error with the `code` to close with. */
async function asked(path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") };
  const response = await fetch(path, { method: body === undefined ? "GET" : "POST", body, headers, credentials: "same-origin" });
  if (response.ok) return response.json();
  const reason = await response.json().then(({ error }) => error.message, () => "");
  throw Object.assign(new Error(reason), { code: CODES[response.status] ?? BROKEN });
}

/** Resolve when the peer knows its addresses, or has looked for them long enough. */
function gathered(peer) {
  return new Promise((resolve) => {
    setTimeout(resolve, GATHERING);
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
  });
}
