-- GCRA for the buckets in KEYS, in order, up to the first that is full.
-- ARGV has two numbers for each: microseconds between requests, and how many a bucket holds.
-- Answers three for each that was looked at: 1 or 0, room for how many more, microseconds to wait.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local answer = {}
for i, key in ipairs(KEYS) do
  local emit, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tat = math.max(tonumber(redis.call('GET', key) or now), now)
  local new = tat + emit
  local allow_at = new - emit * burst
  if allow_at > now then
    answer[#answer + 1] = 0
    answer[#answer + 1] = 0
    answer[#answer + 1] = math.ceil(allow_at - now)
    break
  end
  -- As digits: Lua writes a large number as 1.79e+15.
  redis.call('SET', key, string.format('%.0f', new), 'PX', math.ceil((new - now) / 1000) + 1)
  answer[#answer + 1] = 1
  answer[#answer + 1] = math.floor((now - allow_at) / emit)
  answer[#answer + 1] = 0
end
return answer
