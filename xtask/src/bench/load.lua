-- The load of `cargo xtask bench`, run by wrk: `-- create` makes objects, `-- get N` reads one of N
-- preloaded objects at random, and without a word the URL itself is asked for.
-- At the end one line of JSON says what was measured; times are in microseconds.

local objects = 0

local function create()
   local body = string.format(
      '{"body":{"title":"Groceries","number":%d,"text":"%s","tags":["home","errands","weekly"],"done":false}}',
      math.random(1, 1000000000),
      string.rep("milk, bread and eggs ", 9))
   return wrk.format("POST", nil, nil, body)
end

local function get()
   return wrk.format("GET", string.format("/v1/objects/01900000-0000-7000-8000-%012x", math.random(1, objects)))
end

function init(arguments)
   math.randomseed(os.time())
   if arguments[1] == "create" then
      wrk.headers["Content-Type"] = "application/json"
      request = create
   elseif arguments[1] == "get" then
      objects = tonumber(arguments[2])
      request = get
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format('\n{"requests":%d,"failed":%d,"duration":%d,"p50":%d,"p99":%d}\n',
      summary.requests, failed, summary.duration, latency:percentile(50), latency:percentile(99)))
end
