const net = require("net");

const answers = new Map([
  ["Beautiful is better than", "Ugly."],
  ["Explicit is better than", "Implicit."],
  ["Simple is better than", "Complex."],
]);

net.createServer({ allowHalfOpen: true }, (socket) => {
  let parts = [];
  socket.on("data", (data) => {
    let from = 0;
    for (let at; (at = data.indexOf(0x3f, from)) >= 0; from = at + 1) {
      parts.push(data.subarray(from, at));
      const question = Buffer.concat(parts).toString("latin1");
      parts = [];
      if (!socket.write(answers.get(question) ?? "Error: unknown aphorism.")) socket.pause();
    }
    parts.push(data.subarray(from));
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end());
  socket.on("error", () => socket.destroy());
}).listen(Number(process.env.PORT), "127.0.0.1");
