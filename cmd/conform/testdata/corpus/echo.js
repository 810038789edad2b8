const net = require("net");

const space = /[\s\x1c-\x1f\x85]+$/u;

function ascii(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = quote;
  for (const c of text) {
    const n = c.codePointAt(0);
    const hex = (width) => n.toString(16).padStart(width, "0");
    if (c === quote || c === "\\") out += "\\" + c;
    else if (c === "\t") out += "\\t";
    else if (c === "\n") out += "\\n";
    else if (c === "\r") out += "\\r";
    else if (n >= 0x20 && n < 0x7f) out += c;
    else if (n < 0x100) out += "\\x" + hex(2);
    else if (n < 0x10000) out += "\\u" + hex(4);
    else out += "\\U" + hex(8);
  }
  return out + quote;
}

net.createServer({ allowHalfOpen: true }, (socket) => {
  let parts = [];
  let done = false;
  const line = (bytes) => {
    let text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    const bom = text.match(/\ufeff+$/);
    text = bom ? text : text.replace(space, "");
    if (text === "quit") {
      done = true;
      parts = [];
      socket.end("connection closed\r\n");
    } else if (!socket.write(`Echoed: ${ascii(text)}\r\n`)) socket.pause();
  };
  socket.on("data", (data) => {
    if (done) return;
    let from = 0;
    for (let at; !done && (at = data.indexOf(10, from)) >= 0; from = at + 1) {
      parts.push(data.subarray(from, at));
      const whole = Buffer.concat(parts);
      parts = [];
      line(whole);
    }
    if (!done) parts.push(data.subarray(from));
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => {
    const rest = Buffer.concat(parts);
    if (!done && rest.length > 0) line(rest);
    if (!done) socket.end();
  });
  socket.on("error", () => socket.destroy());
}).listen(Number(process.env.PORT), "127.0.0.1");
