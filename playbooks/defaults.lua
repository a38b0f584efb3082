-- Every variable of the stack. An inventory sets what differs: `vars = { app = { workers = 8 } }` leaves the rest.
return {
  domain = "_", -- the site's name; "_" answers to any

  -- The site's virtual address: one for active-passive. Two or more in `vips` for active-active: each has a balancer of
  -- its own as its home, and goes to another when that one fails. None, and keepalived is left out.
  vip = "",
  vips = {},

  -- Of a host: the address where the others reach it, when that is not the one by which Neap does.
  private_address = "",

  app = {
    name = "app",
    title = "The shop list",
    user = "app",
    directory = "/srv/app",
    keep_releases = 3, -- a new one leaves the ones before beside it
    workers = 2, -- processes, a good number is twice the cores
    threads = 4, -- of each
    worker_timeout_s = 30,
    database_connect_timeout_s = 1,
    database_read_timeout_s = 2,
  },

  nginx = {
    port = 8080,
    client_max_body_size = "64k",
    read_timeout_s = 8,
  },

  haproxy = {
    port = 80,
    stats_port = 8404,
    stats_user = "admin",
    maxconn = 4000,
    connect_timeout_ms = 500,
    server_timeout_s = 10,
    check_interval_ms = 500,
  },

  keepalived = {
    interface = "", -- the one that has the host's address
    router_id = 51, -- different for each site on one network; further virtual addresses count on from it
    advert_s = 0.3, -- a dead balancer is missed after about three of these
    preempt_delay_s = 5,
    script_user = "keepalived_script",
  },

  -- Changes of hosts that are in service: how many at a time, and out of the balancers' rotation meanwhile.
  rotation = {
    serial = 1, -- hosts, or "34%", or a list of such: one batch after the other
    max_fail = 0, -- so many hosts may fail before the rest is left alone
    drain_s = 10, -- time for requests under way
    enable_s = 20, -- until HAProxy finds the host well again
  },

  -- Opens what the stack needs and nothing else.
  firewall = {
    enabled = false,
    ssh_port = 22,
    ssh_from = {}, -- addresses and networks; none: from anywhere
    stats_from = {}, -- who may see the statistics, as above
    extra = {}, -- further rules of nftables, such as "tcp dport 9100 accept"
  },

  -- Of a host in "db": "primary" for one of them; where none says so, it is the first.
  db_role = "",

  db = {
    flavour = "", -- "mariadb" or "mysql"; otherwise what the host's package source offers
    name = "app",
    app_user = "app",
    replication_user = "replica",
    clients = "%", -- where the accounts may come from, such as "10.77.0.%"
    port = 3306,
    buffer_pool = "128M",
    max_connections = 200,
    keep_binlogs_days = 7,
    -- "auto" is on for MySQL and off for MariaDB, whose primary was seen to hang when a replica lost its power.
    semi_sync = "auto",
    semi_sync_timeout_ms = 1000,
  },
}
