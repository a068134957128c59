/** Sends one Ethernet frame: IFINDEX HEX. */
import { openFrameSender } from '../../../src/kernel/datagram.ts';
import { argument, say } from './lines.ts';

const sender = openFrameSender(Number(argument(0)));
say({ result: sender.send(Buffer.from(argument(1), 'hex')) });
sender.close();
say({ afterClose: sender.send(Buffer.alloc(64)) });
