-- Which process gets a request, and how many requests each process has: SWITCH without a reload.
-- Read once by nginx's master, before it listens. What is not in a shared dictionary is one worker's own.
-- Arguments: the file that tells the ports when nginx starts, and the path of the control socket.
local seed_file, control_socket = ...
local balancer = require "ngx.balancer"

-- Seconds that workers of before a reload may use an upstream which is not wanted any more.
local LEFTOVER = 3600

-- "61500 61501" by upstream; and `since`, the uptime in seconds when counting began.
local upstreams = ngx.shared.pypaas_upstreams
-- Requests in flight, by "<pid>.<start of the worker>:<port>".
local requests = ngx.shared.pypaas_requests

-- Reads {"repo+branch+runner+shape":[61500,61501]} and nothing else. Returns nil and the reason if it is not that.
local function parse(text)
    local found, at = {}, 1
    local function take(pattern)
        local from, to, capture = text:find("^%s*" .. pattern, at)
        if from then at = to + 1 end
        return from and (capture or true)
    end
    if not take("{") then return nil, "expected an object of upstreams" end
    if not take("}") then
        repeat
            local name = take('"([a-z0-9A-F%%._+-]+)"%s*:%s*%[')
            if not name or not name:find("^[^+]+%+[^+]+%+[^+]+%+%x+$") then
                return nil, "expected an upstream with a list of ports"
            end
            local ports = {}
            repeat
                local port = tonumber(take("([1-9]%d*)"))
                if not port or port < 1024 or port > 65535 then
                    return nil, "expected ports from 1024 to 65535"
                end
                ports[#ports + 1] = port
            until not take(",")
            if not take("%]") then return nil, "expected the end of a list of ports" end
            if found[name] then return nil, "an upstream is there twice" end
            found[name] = table.concat(ports, " ")
        until not take(",")
        if not take("}") then return nil, "expected the end of the object" end
    end
    if text:find("%S", at) then return nil, "expected nothing behind the object" end
    return found
end

local function content(path)
    local file = io.open(path)
    if not file then return nil end
    local text = file:read("*a")
    file:close()
    return text
end

-- When a process began, in clock ticks since the start of the host (proc(5), stat: state is the 3rd field
-- and starttime the 22nd). Nil: it has ended.
local function start_of(pid)
    local stat = content("/proc/" .. pid .. "/stat")
    local state, ticks = (stat or ""):match("%) (%S)" .. (" %S+"):rep(18) .. " (%d+)")
    if state == "Z" then return nil end
    return ticks
end

-- pid and start of this worker: a pid alone may come again. Asked for once, since the master does not count.
local own_name
local function worker()
    own_name = own_name or ngx.worker.pid() .. "." .. (start_of("self") or "0")
    return own_name
end

local function count(port, by)
    local _, reason = requests:incr(worker() .. ":" .. port, by, 0)
    if reason then ngx.log(ngx.ERR, "cannot count the requests of port ", port, ": ", reason) end
end

-- The ports of an upstream as a list, with whose turn it is in this worker.
local pools = {}
local function pool_of(name, text)
    local pool = pools[name]
    if not pool or pool.text ~= text then
        pool = { text = text, turn = ngx.worker.pid() }
        for port in text:gmatch("%d+") do pool[#pool + 1] = tonumber(port) end
        pools[name] = pool
    end
    return pool
end

-- Until when a port that failed is passed over, as nginx does by `fail_timeout=1s`.
local resting = {}
local function next_port(pool)
    local now = ngx.now()
    for _ = 1, #pool do
        pool.turn = pool.turn % #pool + 1
        local port = pool[pool.turn]
        if not resting[port] or resting[port] <= now then
            resting[port] = nil
            return port
        end
    end
    pool.turn = pool.turn % #pool + 1
    return pool[pool.turn]
end

-- Counts first and looks again after that: whoever changes the ports and then finds no request in flight to
-- the old ones may rely on it.
local function choose(name)
    while true do
        local text = upstreams:get(name)
        if not text then return nil end
        local pool = pool_of(name, text)
        local port = next_port(pool)
        count(port, 1)
        if upstreams:get(name) == text then return port, #pool end
        count(port, -1)
    end
end

local switch = {}

-- Sends the request to a process of the upstream; called anew for each try.
function switch.balance(name)
    local ctx = ngx.ctx
    local before = ctx.pypaas_port
    -- A variable outlives internal redirects, which ngx.ctx does not, and is shared with subrequests, which
    -- are not logged.
    local picked = ngx.var.pypaas_picked
    if before then
        if balancer.get_last_failure() then resting[before] = ngx.now() + 1 end
        local from, to = picked:find("<" .. before .. ">", 1, true)
        if from then
            picked = picked:sub(1, from - 1) .. picked:sub(to + 1)
            count(before, -1)
        end
    end
    local port, tries = choose(name)
    ctx.pypaas_port = port
    ngx.var.pypaas_picked = port and picked .. "<" .. port .. ">" or picked
    if not port then
        ngx.log(ngx.ERR, "no process is known for ", name)
        return ngx.exit(502)
    end
    if not before and tries > 1 then balancer.set_more_tries(tries - 1) end
    local ok, reason = balancer.set_current_peer("127.0.0.1", port)
    if not ok then
        ngx.log(ngx.ERR, "cannot use port ", port, ": ", reason)
        return ngx.exit(500)
    end
end

-- The request has ended, subrequests included.
function switch.logged()
    local picked = ngx.var.pypaas_picked
    if not picked or picked == "" then return end
    ngx.var.pypaas_picked = ""
    for port in picked:gmatch("%d+") do count(port, -1) end
end

-- Whether it has been given a time to end: upstreams that are wanted have none.
local function is_leaving(name)
    return (upstreams:ttl(name) or 0) > 0
end

local function known()
    local found = {}
    for _, name in ipairs(upstreams:get_keys(0)) do
        if name ~= "since" and not is_leaving(name) then found[name] = upstreams:get(name) end
    end
    return found
end

local function answer(status, text)
    ngx.status = status
    ngx.header.content_type = "application/json"
    ngx.print(text, "\n")
    return ngx.exit(ngx.HTTP_OK)
end

local function refuse(status, reason)
    return answer(status, '{"error":"' .. reason .. '"}')
end

-- The upstreams of `names`, as they are in the dictionary now.
local function answer_upstreams(names)
    local parts = {}
    for name in pairs(names) do
        local text = upstreams:get(name)
        if text then parts[#parts + 1] = '"' .. name .. '":[' .. text:gsub(" ", ",") .. "]" end
    end
    return answer(200, "{" .. table.concat(parts, ",") .. "}")
end

-- PATCH changes the upstreams that are named, PUT removes all others too.
local function change_upstreams(replace)
    ngx.req.read_body()
    local wanted, reason = parse(ngx.req.get_body_data() or "")
    if not wanted then return refuse(400, reason) end
    local former = known()
    for name, ports in pairs(wanted) do
        local ok, full = upstreams:safe_set(name, ports)
        if not ok then
            for other in pairs(wanted) do upstreams:set(other, former[other]) end
            return refuse(507, full)
        end
    end
    if not replace then return answer_upstreams(wanted) end
    for name in pairs(known()) do
        if not wanted[name] then upstreams:expire(name, LEFTOVER) end
    end
    return answer_upstreams(known())
end

-- In flight by port. What a worker that was killed had counted is forgotten.
local function answer_requests()
    -- Where the processes of others are hidden (proc(5), hidepid), none can be told to be dead.
    local hidden = start_of(1) == nil
    local alive, sums = {}, {}
    for _, key in ipairs(requests:get_keys(0)) do
        local pid, start, port = key:match("^(%d+)%.(%d+):(%d+)$")
        local name = pid .. "." .. start
        if alive[name] == nil then
            alive[name] = hidden or name == worker() or start_of(pid) == start
        end
        if alive[name] then
            sums[port] = (sums[port] or 0) + (requests:get(key) or 0)
        else
            requests:delete(key)
        end
    end
    local parts = {}
    for port, sum in pairs(sums) do
        if sum ~= 0 then parts[#parts + 1] = '"' .. port .. '":' .. sum end
    end
    return answer(200, '{"since":' .. upstreams:get("since") .. ',"requests":{' .. table.concat(parts, ",") .. "}}")
end

-- Answers on the control socket.
function switch.control()
    local method, path = ngx.req.get_method(), ngx.var.uri
    if path == "/upstreams" then
        if method == "GET" then return answer_upstreams(known()) end
        if method == "PUT" or method == "PATCH" then return change_upstreams(method == "PUT") end
    elseif path == "/requests" then
        if method == "GET" then return answer_requests() end
    else
        return refuse(404, "only /upstreams and /requests are here")
    end
    return refuse(405, "not with this method")
end

-- At a start the dictionary is empty and gets everything; at a reload it has what was set since, which stands.
upstreams:safe_add("since", tonumber((content("/proc/uptime") or "0"):match("[%d.]+")))
local seed = content(seed_file)
if seed then
    local ports, reason = parse(seed)
    if not ports then ngx.log(ngx.ERR, "cannot read ", seed_file, ": ", reason) end
    for name, text in pairs(ports or {}) do
        if is_leaving(name) then upstreams:safe_set(name, text) else upstreams:safe_add(name, text) end
    end
end

-- A nginx that was killed leaves its socket, and the next could not listen there. One that is in use is in the
-- kernel's list (proc(5), net/unix).
local sockets = content("/proc/net/unix")
if sockets and not sockets:find(" " .. control_socket .. "\n", 1, true) then os.remove(control_socket) end

return switch
