// WebSocket echo by k6, one message of a connection under way at a time, each
// answer compared: see ../main.go.
import ws from 'k6/ws';

const fill = ', and-the-rest-is-filled-up-with:0123456789abcdefghijklmnopqrstuvwxyz';

export default function () {
	let turn = 1;
	const text = () => (`client ${__VU}, turn ${turn}` + fill).slice(0, 64);
	ws.connect(`ws://127.0.0.1:${__ENV.PORT}/`, {}, (socket) => {
		let sent;
		socket.on('open', () => socket.send((sent = text())));
		socket.on('message', (data) => {
			if (data !== sent) {
				throw new Error('wrong answer');
			}
			turn++;
			socket.send((sent = text()));
		});
	});
}
