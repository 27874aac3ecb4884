"""What the Redis store does in one go, as Lua scripts: Redis runs each to its end before anything else.

KEYS[1] is the store's prefix. Keys behind it: `last`, `writer`, `filled`, `seen` (set of event hashes), `feed` (stream
of lines, its ids are sequence numbers), `user:<key>` (list of `sequence line`), `heads` (user → latest sequence),
`items` (item → `sequence told`), `item_feed` (items by sequence), `erased` (set of users).
ARGV[1] is the sequence number that the log gave, 0: none; ARGV[2] whose log fills the store, empty: nobody's.
"""

BEHIND, LOST = "BEHIND", "LOST"

BEGIN = """
local p = KEYS[1] .. ':'
local function begin()
  local last = tonumber(redis.call('GET', p .. 'last') or '0')
  local at = tonumber(ARGV[1])
  if ARGV[2] ~= '' and redis.call('GET', p .. 'writer') ~= ARGV[2] then
    return nil, redis.error_reply('LOST the store is empty or filled by another log')
  end
  if at > 0 and last > 0 and at ~= last + 1 then
    return nil, redis.error_reply('BEHIND entry ' .. at .. ' came to a store that is at ' .. last)
  end
  return at > 0 and at or last + 1
end
local function text(number) return string.format('%.0f', number) end
local sequence, refused = begin()
if refused then return refused end
"""

APPLY = (
    BEGIN
    + """
local fresh = {}
local first = sequence
for i = 3, #ARGV, 3 do
  local new = redis.call('SADD', p .. 'seen', ARGV[i])
  fresh[#fresh + 1] = new
  if new == 1 then
    local at, user, line = text(sequence), ARGV[i + 1], ARGV[i + 2]
    redis.call('XADD', p .. 'feed', at .. '-0', 'l', line)
    redis.call('RPUSH', p .. 'user:' .. user, at .. ' ' .. line)
    redis.call('HSET', p .. 'heads', user, at)
  end
  if new == 1 or ARGV[1] ~= '0' then sequence = sequence + 1 end
end
if sequence > first then redis.call('SET', p .. 'last', text(sequence - 1)) end
return fresh
"""
)

PUT_ITEM = (
    BEGIN
    + """
redis.call('HSET', p .. 'items', ARGV[3], text(sequence) .. ' ' .. ARGV[4])
redis.call('ZADD', p .. 'item_feed', sequence, ARGV[3])
redis.call('SET', p .. 'last', text(sequence))
return sequence
"""
)

ERASE = (
    BEGIN
    + """
local list = p .. 'user:' .. ARGV[3]
local gone = redis.call('LRANGE', list, 0, -1)
for _, entry in ipairs(gone) do redis.call('XDEL', p .. 'feed', string.match(entry, '^%d+') .. '-0') end
redis.call('DEL', list)
redis.call('HSET', p .. 'heads', ARGV[3], '-1')
redis.call('SADD', p .. 'erased', ARGV[3])
if ARGV[1] ~= '0' then redis.call('SET', p .. 'last', text(sequence)) end
return #gone
"""
)

FORGET_ERASED = (
    BEGIN
    + """
for i = 3, #ARGV do
  redis.call('SREM', p .. 'erased', ARGV[i])
  if redis.call('HGET', p .. 'heads', ARGV[i]) == '-1' then redis.call('HDEL', p .. 'heads', ARGV[i]) end
end
if ARGV[1] ~= '0' then redis.call('SET', p .. 'last', text(sequence)) end
return 0
"""
)

CLAIM = """
redis.call('SET', KEYS[1] .. ':writer', ARGV[1], 'NX')
return redis.call('GET', KEYS[1] .. ':writer')
"""
