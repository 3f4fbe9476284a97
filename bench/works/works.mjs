/**
 * The works of the bench. A work says what its clients watch and what its feed sends:
 *
 *   key, title
 *   symbols          how many there are
 *   clients          numbers of clients that it is run with
 *   gateways         gateway processes that share the clients (1)
 *   contenders(clients, quick)
 *                    what runs in it, alternating: {key, system, label?, options?}; `key` names it in results and targets
 *   watch(index, options)
 *                    one client: {symbols: indices or '*', kind, codec, hz?, bytesPerSecond?, hold?, imagesWanted?};
 *                    peers take its symbols only
 *   sample           clients whose every record is checked
 *   market()         {interval() → ticks of the next interval}
 *   floor            {every, updates(options)}: the floor's frames; each client has one in every `every`-th interval
 *   isUneven?        clients differ in their rates: what is asked for is no simple product
 *   beside?(opened)  starts what goes on meanwhile; its `close` ends it
 *   env?             settings of the service
 *   isFeedApart?     the feed role has a process of its own, beside the gateway: one core is not enough for it and the owner
 *   measure?         measures in a way of its own, see storm and stalled
 */
import { churn } from './churn.mjs';
import { cohorts } from './cohorts.mjs';
import { mixed } from './mixed.mjs';
import { slowQuarter } from './slow-quarter.mjs';
import { sparse } from './sparse.mjs';
import { stalled } from './stalled.mjs';
import { storm } from './storm.mjs';
import { trades } from './trades.mjs';
import { w1 } from './w1.mjs';
import { wide } from './wide.mjs';
import { wildcard } from './wildcard.mjs';
import { zipf } from './zipf.mjs';

const ALL = [w1, zipf, cohorts, sparse, wildcard, mixed, slowQuarter, trades, wide, churn, storm, stalled];

export const WORKS = Object.fromEntries(ALL.map((work) => [work.key, work]));
