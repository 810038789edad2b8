const http = require("http");
const crypto = require("crypto");

const maxMessage = 16 << 20;
const utf8 = () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const server = http.createServer({ insecureHTTPParser: false }, (request, response) => {
  const method = request.method === "GET";
  response.writeHead(method ? 426 : 405, { Connection: "close", Upgrade: "websocket", "Sec-WebSocket-Version": "13", Allow: "GET" });
  response.end();
});

function count(request, name) {
  return request.rawHeaders.filter((h, i) => i % 2 === 0 && h.toLowerCase() === name).length;
}

function has(value, token) {
  return (value ?? "").split(",").some((one) => one.trim().toLowerCase() === token);
}

server.on("upgrade", (request, socket, head) => {
  socket.on("error", () => socket.destroy());
  const h = request.headers;
  const refuse = (status, more = "") => socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n${more}\r\n`);
  const key = h["sec-websocket-key"] ?? "";
  if (request.method !== "GET") return refuse("405 Method Not Allowed", "Allow: GET\r\n");
  if (request.httpVersion !== "1.1" || count(request, "host") !== 1 || !/^(\[[0-9a-fA-F:.]+\]|[\w.~%!$&'()*+;=-]*)(:\d*)?$/.test(h.host)) return refuse("400 Bad Request");
  if (!has(h.upgrade, "websocket") || !has(h.connection, "upgrade")) return refuse("400 Bad Request");
  if (h["sec-websocket-version"] !== "13") return refuse("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  if (count(request, "sec-websocket-key") !== 1 || !/^[A-Za-z0-9+/]{22}==$/.test(key)) return refuse("400 Bad Request");
  if (h["content-length"] !== undefined || h["transfer-encoding"] !== undefined) return refuse("400 Bad Request");
  const accept = crypto.createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.setNoDelay(true);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  converse(socket, head);
});

function converse(socket, head) {
  let chunks = [];
  let size = 0;
  let ended = false;
  let fragments = [];
  let length = 0;
  let kind = 0;
  let decoder;

  const write = (opcode, payload) => {
    const n = payload.length;
    const wide = n < 126 ? 0 : n < 65536 ? 2 : 8;
    const frame = Buffer.alloc(2 + wide);
    frame[0] = 0x80 | opcode;
    frame[1] = wide === 0 ? n : wide === 2 ? 126 : 127;
    if (wide === 2) frame.writeUInt16BE(n, 2);
    if (wide === 8) frame.writeBigUInt64BE(BigInt(n), 2);
    socket.cork();
    socket.write(frame);
    const flowing = socket.write(payload);
    socket.uncork();
    if (!flowing) socket.pause();
  };
  const finish = (payload) => {
    ended = true;
    chunks = [];
    write(8, payload);
    socket.end();
    setTimeout(() => socket.destroy(), 1000);
  };
  const fail = (code) => {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    finish(payload);
  };
  const closing = (payload) => {
    if (payload.length === 0) return finish(payload);
    if (payload.length === 1) return fail(1002);
    const code = payload.readUInt16BE();
    const known = (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code < 5000);
    if (!known) return fail(1002);
    try {
      utf8().decode(payload.subarray(2));
    } catch {
      return fail(1007);
    }
    finish(payload.subarray(0, 2));
  };
  // peek returns the first n bytes that are there.
  const peek = (n) => {
    if (chunks.length > 1 && chunks[0].length < n) {
      let i = 0;
      for (let have = 0; i < chunks.length && have < n; i++) have += chunks[i].length;
      chunks.splice(0, i, Buffer.concat(chunks.slice(0, i)));
    }
    return chunks[0];
  };
  const parse = () => {
    while (!ended && !socket.isPaused() && size >= 2) {
      const start = peek(Math.min(size, 14));
      const opcode = start[0] & 15;
      const fin = (start[0] & 0x80) !== 0;
      const short = start[1] & 0x7f;
      if (start[0] & 0x70 || !(start[1] & 0x80) || opcode > 10 || (opcode > 2 && opcode < 8)) return fail(1002);
      if (opcode >= 8 && (!fin || short > 125)) return fail(1002);
      const wide = short < 126 ? 0 : short === 126 ? 2 : 8;
      if (size < 2 + wide) return;
      const n = wide === 0 ? short : wide === 2 ? start.readUInt16BE(2) : Number(start.readBigUInt64BE(2));
      if (wide === 8 && start[2] & 0x80) return fail(1002);
      if (opcode < 8 && n + length > maxMessage) return fail(1009);
      const whole = 6 + wide + n;
      if (size < whole) return;
      const bytes = peek(whole);
      const key = bytes.subarray(2 + wide, 6 + wide);
      const payload = Buffer.from(bytes.subarray(6 + wide, whole));
      for (let i = 0; i < n; i++) payload[i] ^= key[i & 3];
      size -= whole;
      if (bytes.length === whole) chunks.shift();
      else chunks[0] = bytes.subarray(whole);
      take(fin, opcode, payload);
    }
  };
  const take = (fin, opcode, payload) => {
    if (opcode === 8) return closing(payload);
    if (opcode === 9) return write(10, payload);
    if (opcode === 10) return;
    if ((opcode === 0) === (kind === 0)) return fail(1002);
    if (opcode !== 0) {
      kind = opcode;
      decoder = utf8();
    }
    if (kind === 1) {
      try {
        decoder.decode(payload, { stream: !fin });
      } catch {
        return fail(1007);
      }
    }
    fragments.push(payload);
    length += payload.length;
    if (fin) {
      const message = Buffer.concat(fragments);
      const was = kind;
      fragments = [];
      length = kind = 0;
      write(was, message);
    }
  };
  const add = (data) => {
    if (ended || data.length === 0) return;
    chunks.push(data);
    size += data.length;
    parse();
  };
  socket.on("data", add);
  socket.on("drain", () => {
    socket.resume();
    parse();
  });
  socket.on("end", () => socket.end());
  add(head);
}

server.on("clientError", (error, socket) => {
  if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
});
server.listen(Number(process.env.PORT), "127.0.0.1");
