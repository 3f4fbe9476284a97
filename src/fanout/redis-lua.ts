/**
 * The Lua of the fan-out. Each script touches keys of one hash tag only. Epochs and numbers travel as text, are
 * compared with tonumber and never concatenated: Lua prints large numbers as 1.7e+15. Answers are arrays that begin
 * with a word; the usual one, of a commit, is 0.
 */

/** 3 µs; it is how a script notices that it runs on another server than its caller believes. */
const RUN_ID = `string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')`;

/**
 * A script that is called many times in one command: for each call its keys, as many for each, and its arguments
 * behind their number; the body answers one call, and knows the server's run as `run`. What fails in one call is the answer to
 * that call, unless there is no other, or the server takes no writes from anybody.
 */
export function roundScript(keys: number, body: string): string {
  return `
local run = ${RUN_ID}
local function one(KEYS, ARGV)
${body}
end
local answers, at = {}, 1
for first = 1, #KEYS, ${keys} do
  local keys, args, count = {}, {}, tonumber(ARGV[at])
  for i = 1, ${keys} do keys[i] = KEYS[first + i - 1] end
  for i = 1, count do args[i] = ARGV[at + i] end
  at = at + count + 1
  local isDone, answer = pcall(one, keys, args)
  -- Before Redis 7 an error is a text, with its place in front.
  if not isDone and type(answer) ~= 'table' then
    answer = {err = string.gsub(tostring(answer), '^@user_script: ?%d+: %-?', '')}
  end
  if type(answer) == 'table' and answer.err and (#KEYS == ${keys} or string.find(answer.err, '^READONLY')) then return answer end
  answers[#answers + 1] = answer
end
return answers
`;
}

export const ACQUIRE = `
-- KEYS lease meta   ARGV leaseToken leaseMs
local lease = redis.call('GET', KEYS[1])
if lease and lease ~= ARGV[1] then return {'HELD'} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'ACQUIRED', ${RUN_ID}, redis.call('HGETALL', KEYS[2])}
`;

/** SPUBLISH reaches who subscribes at the server that has the channel's slot, and does not trouble the others. */
export type Publish = 'PUBLISH' | 'SPUBLISH';

/**
 * Commit, heartbeat, lease renewal and refill, by the command that live messages are published with. XADD comes before
 * every other write: it is the one call that can refuse, and a failed call does not undo what ran before it.
 */
export const COMMIT: { readonly [publish in Publish]: string } = {
  PUBLISH: commitBy('PUBLISH'),
  SPUBLISH: commitBy('SPUBLISH'),
};

function commitBy(publish: Publish): string {
  return roundScript(
    6,
    `
-- KEYS lease meta tape image live log
-- ARGV kind leaseToken leaseMs run epoch epochToken number "epoch-number" message timeMs
--      offset logKeepFrom tapeKeepFrom checkpoint movedCount [field value ...] [dropped ...]      '' = none
if run ~= ARGV[4] then return {'RUN', run} end
local lease = redis.call('GET', KEYS[1])
if lease and lease ~= ARGV[2] then return {'FENCED'} end
local meta = redis.call('HMGET', KEYS[2], 'epoch', 'token', 'number', 'run', 'owner')
local epoch, storedEpoch = tonumber(ARGV[5]), tonumber(meta[1] or '0')
if storedEpoch > epoch or (storedEpoch == epoch and meta[2] ~= ARGV[6]) then return {'OLDEPOCH'} end
-- A stale owner must not take a missing lease when another has written in the same epoch since: its numbers are used.
if not lease and storedEpoch == epoch and meta[5] ~= ARGV[2] then return {'FENCED'} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
local number, stored = tonumber(ARGV[7]), '0'
if storedEpoch == epoch then stored = meta[3] end
local isBatch = ARGV[1] == 'batch'
if not meta[1] and not (isBatch and number == 1) then return {'METALOST'} end
if isBatch then
  if number <= tonumber(stored) then return {'REPEATED'} end
  if number ~= tonumber(stored) + 1 then return {'GAP', stored} end
  local added
  if ARGV[13] ~= '' then
    added = redis.pcall('XADD', KEYS[3], 'MINID', '=', ARGV[13], ARGV[8], 't', ARGV[10], 'b', ARGV[9])
  else
    added = redis.pcall('XADD', KEYS[3], ARGV[8], 't', ARGV[10], 'b', ARGV[9])
  end
  if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller') then return added end
    local info = redis.call('XINFO', 'STREAM', KEYS[3])
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then return {'REFUSED', info[i + 1]} end
    end
  end
else
  if number < tonumber(stored) then return {'REPEATED'} end
  if number > tonumber(stored) then return {'GAP', stored} end
end
if ARGV[14] ~= '' then
  redis.call('SET', KEYS[4], ARGV[14])
  redis.call('HSET', KEYS[2], 'checkpoint', ARGV[8])
end
local isSame = storedEpoch == epoch and meta[4] == run and meta[5] == ARGV[2]
if not isSame then
  redis.call('HSET', KEYS[2], 'epoch', ARGV[5], 'token', ARGV[6], 'number', ARGV[7], 'run', run, 'owner', ARGV[2])
end
if ARGV[11] ~= '' then
  redis.call('HSET', KEYS[2], 'number', ARGV[7], 'offset', ARGV[11])
  redis.call('XTRIM', KEYS[6], 'MINID', '=', ARGV[12])
elseif isSame and isBatch then
  redis.call('HSET', KEYS[2], 'number', ARGV[7])
end
local at = 16
for _ = 1, tonumber(ARGV[15]) do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
while ARGV[at] do
  redis.call('HDEL', KEYS[2], ARGV[at])
  at = at + 1
end
redis.call('${publish}', KEYS[5], ARGV[9])
return 0
`,
  );
}

export const RELEASE = `
-- KEYS lease meta image   ARGV leaseToken run epoch epochToken number "epoch-number" checkpoint channel announcement
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'NOTOWNER'} end
local meta = redis.call('HMGET', KEYS[2], 'epoch', 'token', 'number')
local same = meta[1] == ARGV[3] and meta[2] == ARGV[4] and meta[3] == ARGV[5] and ${RUN_ID} == ARGV[2]
if same and ARGV[7] ~= '' then
  redis.call('SET', KEYS[3], ARGV[7])
  redis.call('HSET', KEYS[2], 'checkpoint', ARGV[6])
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[8], ARGV[9])
return {'RELEASED'}
`;

export const READ_LOG = roundScript(
  2,
  `
-- KEYS log meta   ARGV run after bytesMax pageEntries      after '' = the stored offset
if run ~= ARGV[1] then return {'RUN', run} end
local after = ARGV[2]
if after == '' then after = redis.call('HGET', KEYS[2], 'offset') or '0-0' end
local entries, bytes, bytesMax, pageEntries = {}, 0, tonumber(ARGV[3]), tonumber(ARGV[4])
repeat
  local page = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', pageEntries)
  for _, entry in ipairs(page) do
    after = entry[1]
    entries[#entries + 1] = after
    entries[#entries + 1] = entry[2][2]
    bytes = bytes + #entry[2][2]
  end
until #page < pageEntries or bytes >= bytesMax
return {bytes >= bytesMax and 'MORE' or 'ALL', entries}
`,
);

/** One transaction, though a script: how far the tape must be read stands in \`meta\`. */
export const LOAD = `
-- KEYS meta image tape
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'number', 'checkpoint')
if not meta[1] then return {'0', '0', '', {}} end
local from = '-'
if meta[3] then from = '(' .. meta[3] end
return {meta[1], meta[2], redis.call('GET', KEYS[2]) or '', redis.call('XRANGE', KEYS[3], from, '+')}
`;

export const MEASURE_TAPE = `
-- KEYS tape   ARGV end count
local measures = {}
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', ARGV[2])) do
  local time, bytes = entry[2][2], entry[2][4]
  measures[#measures + 1] = {entry[1], time, #bytes}
end
return measures
`;

const APPEND_ONE = `
-- KEYS log meta   ARGV run entriesMax fieldsMax countReplicas newMarkCount [mark ...] [entry ...]
local replicas = '0'
if ARGV[4] == '1' then
  -- One that is being sent the whole state is connected, and acknowledges nothing until it is online: up to minutes.
  local _, online = string.gsub(redis.call('INFO', 'replication'), 'slave%d+:[^\\r\\n]*state=online', '')
  replicas = tostring(online)
end
if run ~= ARGV[1] then return {'RUN', run, replicas} end
local first = 6 + tonumber(ARGV[5])
local count = #ARGV - first + 1
if count > 0 and redis.call('XLEN', KEYS[1]) + count > tonumber(ARGV[2]) then return {'FULL'} end
if first > 6 and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[3]) then
  local unknown = {'SESSIONSFULL'}
  for i = 6, first - 1 do
    if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then unknown[#unknown + 1] = ARGV[i] end
  end
  if #unknown > 1 then return unknown end
end
for i = first, #ARGV do redis.call('XADD', KEYS[1], '*', 'g', ARGV[i]) end
return {'STORED', replicas}
`;

/** One append, behind which a WAIT may go. */
export const APPEND = `local run = ${RUN_ID}${APPEND_ONE}`;

export const APPEND_ROUND = roundScript(2, APPEND_ONE);

export const BEAT = `
-- KEYS nodes   ARGV node deadAfterMs
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - tonumber(ARGV[2])))
return redis.call('ZRANGE', KEYS[1], 0, -1)
`;

export const LAYOUT = `
-- KEYS layout   ARGV partitions hash
redis.call('HSETNX', KEYS[1], 'partitions', ARGV[1])
redis.call('HSETNX', KEYS[1], 'hash', ARGV[2])
return redis.call('HMGET', KEYS[1], 'partitions', 'hash')
`;
