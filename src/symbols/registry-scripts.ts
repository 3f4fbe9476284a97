/**
 * The scripts of the stored registry. Each is atomic in Redis; each answers what the memory form answers.
 * KEYS of all: symbols sids changes version audit. The channel is published to, not a key.
 */

/**
 * What the scripts share. `write` numbers an instrument's place among the changes; its own version is given by the
 * caller. A version hash that was lost alone is made up from what is left, so that no number or sid is given twice.
 */
const SHARED = `
local SYMBOLS, SIDS, CHANGES, VERSION, AUDIT = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function load(originIfNew)
  local fields = redis.call('HMGET', VERSION, 'version', 'sid', 'origin')
  if fields[3] then return tonumber(fields[1]), tonumber(fields[2]) end
  local top = redis.call('ZRANGE', CHANGES, 0, 0, 'REV', 'WITHSCORES')
  local sid = 0
  for _, known in ipairs(redis.call('HKEYS', SIDS)) do sid = math.max(sid, tonumber(known)) end
  redis.call('HSET', VERSION, 'origin', originIfNew)
  return tonumber(top[2] or 0), sid
end

local function save(version, sid)
  redis.call('HSET', VERSION, 'version', string.format('%.0f', version), 'sid', string.format('%.0f', sid))
end

local function write(instrument, position)
  local text = cjson.encode(instrument)
  redis.call('HSET', SYMBOLS, instrument.symbol, text)
  redis.call('HSET', SIDS, string.format('%.0f', instrument.sid), instrument.symbol)
  redis.call('ZADD', CHANGES, string.format('%.0f', position), instrument.symbol)
  return text
end

local function record(note, version, symbols, before, after, entriesMax)
  redis.call('XADD', AUDIT, 'MAXLEN', '~', entriesMax, '*', 'note', note, 'version', string.format('%.0f', version),
    'symbols', cjson.encode(symbols), 'before', before, 'after', after)
end

local function announce(channel, version)
  redis.call('PUBLISH', channel, 'registry ' .. string.format('%.0f', version))
end
`;

/**
 * ARGV: version count. Answers {origin, run id, version, size, seeded, [symbol, position, text]…}; one entry more than
 * `count` says that there is more.
 */
export const CHANGES_AFTER = `
local SYMBOLS, CHANGES, VERSION = KEYS[1], KEYS[3], KEYS[4]
local fields = redis.call('HMGET', VERSION, 'origin', 'version', 'seeded')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local answer = {fields[1] or '', run, fields[2] or '0', redis.call('HLEN', SYMBOLS), fields[3] or '0'}
local later = redis.call('ZRANGE', CHANGES, '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2] + 1, 'WITHSCORES')
for i = 1, #later, 2 do
  answer[#answer + 1] = later[i]
  answer[#answer + 1] = later[i + 1]
  answer[#answer + 1] = redis.call('HGET', SYMBOLS, later[i]) or ''
end
return answer
`;

/** ARGV: symbol patch expectedVersion|'' note channel entriesMax origin. Answers {outcome, text}. */
export const CHANGE = `${SHARED}
local before = redis.call('HGET', SYMBOLS, ARGV[1])
if not before then return {'unknown_symbol'} end
local instrument = cjson.decode(before)
if ARGV[3] ~= '' and tonumber(ARGV[3]) ~= instrument.version then return {'version_mismatch', before} end
local version, sid = load(ARGV[7])
local after, outcome = before, 'unchanged'
for field, value in pairs(cjson.decode(ARGV[2])) do
  if instrument[field] ~= value then
    instrument[field] = value
    outcome = 'changed'
  end
end
if outcome == 'changed' then
  version = version + 1
  instrument.version = version
  local old = cjson.decode(before)
  if old.enabled ~= instrument.enabled or old.tradingStatus ~= instrument.tradingStatus then
    instrument.statusReason = cjson.decode(ARGV[4]).reason
  end
  after = write(instrument, version)
end
save(version, sid)
record(ARGV[4], version, {ARGV[1]}, before, after, ARGV[6])
if outcome == 'changed' then announce(ARGV[5], version) end
return {outcome, after}
`;

/**
 * ARGV: definitions sizeMax note channel entriesMax origin seeding ('' | 'more' | 'last'). Answers {'SEEDED'}, or
 * outcome and text per definition in one flat list.
 */
export const CREATE = `${SHARED}
if ARGV[7] ~= '' and redis.call('HGET', VERSION, 'seeded') == '1' then return {'SEEDED'} end
local version, sid = load(ARGV[6])
local size = redis.call('HLEN', SYMBOLS)
local answers, created, text = {}, {}, ''
for _, definition in ipairs(cjson.decode(ARGV[1])) do
  local outcome, stored = 'exists', redis.call('HGET', SYMBOLS, definition.symbol)
  if not stored and size >= tonumber(ARGV[2]) then
    outcome, stored = 'registry_full', ''
  elseif not stored then
    version, sid, size = version + 1, sid + 1, size + 1
    definition.sid, definition.version = sid, version
    outcome, stored = 'created', write(definition, version)
    created[#created + 1] = definition.symbol
    text = stored
  end
  answers[#answers + 1] = outcome
  answers[#answers + 1] = stored
end
save(version, sid)
if ARGV[7] == 'last' then redis.call('HSET', VERSION, 'seeded', '1') end
if #created > 0 then
  record(ARGV[3], version, created, '', #created == 1 and text or '', ARGV[5])
  announce(ARGV[4], version)
end
return answers
`;

/** ARGV: instruments version note channel entriesMax origin. Answers {restored, conflicting symbol…}. */
export const RESTORE = `${SHARED}
local version, sid = load(ARGV[6])
version = math.max(version, tonumber(ARGV[2]))
local conflicts, restored, text = {}, {}, ''
for _, known in ipairs(cjson.decode(ARGV[1])) do
  local raw = redis.call('HGET', SYMBOLS, known.symbol)
  local stored = raw and cjson.decode(raw)
  local holder = redis.call('HGET', SIDS, string.format('%.0f', known.sid))
  local other = (holder and holder ~= known.symbol) or (stored and (stored.sid ~= known.sid
    or stored.priceScale ~= known.priceScale or stored.sizeScale ~= known.sizeScale
    or stored.volumeScale ~= known.volumeScale))
  if other then
    conflicts[#conflicts + 1] = known.symbol
  elseif not stored or stored.version < known.version then
    version, sid = version + 1, math.max(sid, known.sid)
    text = write(known, version)
    restored[#restored + 1] = known.symbol
  end
end
save(version, sid)
redis.call('HSET', VERSION, 'seeded', '1')
if #restored > 0 then
  record(ARGV[3], version, restored, '', #restored == 1 and text or '', ARGV[5])
  announce(ARGV[4], version)
end
table.insert(conflicts, 1, tostring(#restored))
return conflicts
`;
