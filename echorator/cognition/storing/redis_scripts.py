"""The Lua scripts of the Redis store: each runs alone in the server, so a batch is applied whole or not at all.

All keys of a namespace share a hash tag, `{ns}`, so that a cluster keeps them on one node. Arguments are a flat list of operations, each an
opcode and its operands; an end of a link below 0 is the memory at that place of the batch. `redis_store` runs them.
"""

from __future__ import annotations

APPLY = """
local ns, prefix, at_s, origin, tenant = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('HGET', ARGV[6], ARGV[7]) ~= ns then return redis.error_reply('GONE') end
local i, n = 8, #ARGV
local ids, fresh, touched, documents = {}, {}, {}, {}
local seq, experience = 0, 0
local function take() local v = ARGV[i]; i = i + 1; return v end
local function resolved(id) id = tonumber(id); if id < 0 then return ids[-id] end return id end
local function all_resolved(list)
  local found = {}
  for id in string.gmatch(list, '-?%d+') do found[#found + 1] = string.format('%d', resolved(id)) end
  return table.concat(found, ',')
end
local function key(id) return prefix .. 'm:' .. string.format('%d', id) end
local function note(id, action, detail)
  seq = redis.call('INCR', prefix .. 'seq')
  redis.call('HSET', prefix .. 'changes', seq, at_s .. '\\n' .. string.format('%d', id) .. '\\n' .. action .. '\\n' .. detail)
  redis.call('ZADD', prefix .. 'change_ids', seq, seq)
  redis.call('XADD', '__LOG__' .. tenant, '*', 'ns', ns, 'seq', seq)
end
local function listed(id, facts, command)
  for _, fact in ipairs(cjson.decode(facts or '[]')) do
    redis.call(command, prefix .. 'topic:' .. fact.subject .. '\\0' .. fact.attribute, id)
    redis.call(command, prefix .. 'stating', id)
  end
end
local function indexed(id, field, value)
  if field == 'lifecycle' then
    redis.call('ZREM', prefix .. 'archived', id); redis.call('ZREM', prefix .. 'active', id)
    redis.call('ZADD', prefix .. (value == '1' and 'active' or 'archived'), id, id)
  elseif field == 'valid_to_s' then
    if tonumber(value) > 0 then redis.call('SADD', prefix .. 'closed', id) else redis.call('SREM', prefix .. 'closed', id) end
  elseif field == 'embedder' then
    local old = redis.call('HGET', key(id), 'embedder')
    if old then redis.call('SREM', prefix .. 'embedded:' .. old, id) end
    redis.call('SADD', prefix .. 'embedded:' .. value, id)
  elseif field == 'facts' then
    listed(id, redis.call('HGET', key(id), 'facts'), 'SREM')
    listed(id, value, 'SADD')
  end
end
local function set_fields(id, count)
  local values = {}
  for _ = 1, count do
    local field, value = take(), take()
    if field == 'superseded_by' and tonumber(value) < 0 then value = string.format('%d', resolved(value)) end
    if field == 'derived_from' then value = '[' .. all_resolved(value) .. ']' end
    indexed(id, field, value)
    values[#values + 1] = field; values[#values + 1] = value
  end
  redis.call('HSET', key(id), unpack(values))
  touched[#touched + 1] = string.format('%d', id)
end

-- First what could refuse the batch, before anything is changed.
local at = i
while at <= n do
  local op = ARGV[at]
  if op == 'patch' then
    local id, count = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 4])
    if id > 0 and redis.call('EXISTS', key(id)) == 0 then return redis.error_reply('MISSING ' .. ARGV[at + 1]) end
    at = at + 5 + 2 * count
  else
    at = at + 2 + tonumber(ARGV[at + 1])
  end
end

while i <= n do
  local op = take()
  if op == 'add' then
    local size = tonumber(take())
    local own = take()
    local known = own ~= '' and redis.call('HGET', prefix .. 'keys', own)
    if known then
      ids[#ids + 1] = tonumber(known); fresh[#fresh + 1] = 0
      i = i + size - 1
    else
      local id = redis.call('INCR', '__IDS__')
      ids[#ids + 1] = id; fresh[#fresh + 1] = 1
      if own ~= '' then redis.call('HSET', prefix .. 'keys', own, id) end
      set_fields(id, (size - 1) / 2)
    end
  elseif op == 'past' then
    take()
    local id, when, action, detail = resolved(take()), take(), take(), take()
    local now = at_s
    at_s = when; note(id, action, detail); at_s = now
  elseif op == 'noted' then
    take()
    for k = 1, #ids do
      if fresh[k] == 1 then note(ids[k], 'remembered', '') end
    end
  elseif op == 'patch' then
    local id, action, detail, count = resolved(take()), take(), take(), tonumber(take())
    set_fields(id, count)
    if action ~= '' then note(id, action, detail) end
  elseif op == 'link' then
    take()
    local a, b, kind, gain = resolved(take()), resolved(take()), take(), tonumber(take())
    if a > b then a, b = b, a end
    if a ~= b then
      local name = string.format('%d:%d:%s', a, b, kind)
      local old = tonumber(redis.call('HGET', prefix .. 'links', name) or '0')
      redis.call('HSET', prefix .. 'links', name, string.format('%.9g', old + gain * (1 - old)))
      touched[#touched + 1] = string.format('%d', a); touched[#touched + 1] = string.format('%d', b)
    end
  elseif op == 'use' then
    take()
    local id, when = resolved(take()), take()
    if redis.call('EXISTS', key(id)) == 1 then
      redis.call('HINCRBY', key(id), 'uses', 1)
      if tonumber(when) > tonumber(redis.call('HGET', key(id), 'last_used_s')) then redis.call('HSET', key(id), 'last_used_s', when) end
      touched[#touched + 1] = string.format('%d', id)
    end
  elseif op == 'told' then
    take()
    local learned, recalled, body = all_resolved(take()), all_resolved(take()), take()
    local number = redis.call('INCR', prefix .. 'experience')
    redis.call('HSET', prefix .. 'experiences', number, learned .. '|' .. recalled .. '\\n' .. body)
    redis.call('ZADD', prefix .. 'experience_ids', number, number)
  elseif op == 'experience' then
    take()
    local body = take()
    experience = redis.call('INCR', prefix .. 'experience')
    local made = {}
    for k = 1, #ids do made[k] = string.format('%d', ids[k]) end
    redis.call('HSET', prefix .. 'experiences', experience, table.concat(made, ',') .. '\\n' .. body)
    redis.call('ZADD', prefix .. 'experience_ids', experience, experience)
  elseif op == 'goals' then
    take(); redis.call('SET', prefix .. 'goals', take()); documents[#documents + 1] = 'goals'
  elseif op == 'document' then
    take()
    local name, body = take(), take()
    if body == '' then redis.call('HDEL', prefix .. 'documents', name) else redis.call('HSET', prefix .. 'documents', name, body) end
    documents[#documents + 1] = name
  end
end
redis.call('XADD', '__FEED__', 'MAXLEN', '~', 100000, '*', 'ns', ns, 'ids', table.concat(touched, ','), 'origin', origin,
  'documents', table.concat(documents, '\\n'))
return {ids, fresh, seq, experience}
"""

ERASE = """
local ns, prefix, at_s, origin, tenant = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local quiet, whole = ARGV[6] == 'purge', ARGV[6] == 'whole'
local names, name_of_whole = ARGV[7], ARGV[8]
local first = 9
if redis.call('HGET', names, name_of_whole) ~= ns then return redis.error_reply('GONE') end
local erased, ids, doomed = 0, {}, {}
for k = first, #ARGV do ids[#ids + 1] = ARGV[k]; doomed[ARGV[k]] = true end
if whole then
  for _, key in ipairs({'active', 'archived'}) do
    for _, id in ipairs(redis.call('ZRANGE', prefix .. key, 0, -1)) do
      if not doomed[id] then ids[#ids + 1] = id; doomed[id] = true end
    end
  end
end
for _, id in ipairs(ids) do
  local name = prefix .. 'm:' .. id
  if redis.call('EXISTS', name) == 1 then
    erased = erased + 1
    local own = redis.call('HGET', name, 'key')
    if own and own ~= '' then redis.call('HDEL', prefix .. 'keys', own) end
    for _, fact in ipairs(cjson.decode(redis.call('HGET', name, 'facts') or '[]')) do
      redis.call('SREM', prefix .. 'topic:' .. fact.subject .. '\\0' .. fact.attribute, id)
    end
    redis.call('SREM', prefix .. 'stating', id)
    redis.call('SREM', prefix .. 'embedded:' .. redis.call('HGET', name, 'embedder'), id)
    redis.call('DEL', name)
    redis.call('ZREM', prefix .. 'active', id); redis.call('ZREM', prefix .. 'archived', id); redis.call('SREM', prefix .. 'closed', id)
  end
end
if whole then
  for _, key in ipairs({'keys', 'links', 'changes', 'change_ids', 'seq', 'experience', 'experiences', 'experience_ids', 'goals',
                        'documents', 'stating', 'active', 'archived', 'closed'}) do
    redis.call('DEL', prefix .. key)
  end
  redis.call('HDEL', names, name_of_whole)
  redis.call('XADD', '__LOG__' .. tenant, '*', 'ns', ns, 'seq', 0, 'at_s', at_s)
else
  for _, link in ipairs(redis.call('HKEYS', prefix .. 'links')) do
    local a, b = link:match('^(%d+):(%d+):')
    if doomed[a] or doomed[b] then redis.call('HDEL', prefix .. 'links', link) end
  end
  for _, id in ipairs(ids) do
    local seq = redis.call('INCR', prefix .. 'seq')
    redis.call('HSET', prefix .. 'changes', seq, at_s .. '\\n' .. id .. '\\nerased\\n' .. (quiet and 'faded' or ''))
    redis.call('ZADD', prefix .. 'change_ids', seq, seq)
    redis.call('XADD', '__LOG__' .. tenant, '*', 'ns', ns, 'seq', seq)
  end
end
if not quiet then redis.call('HINCRBY', '__ERASURES__', tenant, 1) end
redis.call('XADD', '__FEED__', 'MAXLEN', '~', 100000, '*', 'ns', ns, 'ids', table.concat(ids, ','), 'origin', origin,
  'documents', quiet and '' or '*')
return erased
"""
