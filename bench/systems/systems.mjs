/**
 * The systems that run side by side. Each has `name`; `client(watch)`: what one client sends first; `open(…)`: starts
 * it, or returns null with a line that says why it is not to be had here; perhaps `updatesOf(counters, work)`.
 * What `open` returns: {ports, servers (whose CPU is measured), beside (other processes by name), go(), check?(), close()}.
 */
import * as centrifuge from './centrifuge.mjs';
import * as floor from './floor.mjs';
import * as naive from './naive.mjs';
import * as nats from './nats.mjs';
import * as nchan from './nchan.mjs';
import * as socketio from './socketio.mjs';
import * as tickcast from './tickcast.mjs';
import * as uws from './uws.mjs';

/** The service comes first: the floor sends frames of its size. */
export const SYSTEMS = { tickcast, floor, naive, uws, nats, socketio, centrifuge, nchan };

/** Those that need what `npm install` in bench/peers brings. */
export const FROM_NPM = ['uws', 'socketio'];
