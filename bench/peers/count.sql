-- What an analyst would type into DuckDB: parse, truncate, count. One table, no threshold, no detectors.
SET threads = 1;
COPY (
  WITH lines AS (
    SELECT regexp_extract(line, '^(\S+) \S+ \S+ \[([^:\]]+):[^\]]+\] "(?:\S+ )?([^ ?"]*)[^"]*" (\d{3}) ',
                          ['address', 'day', 'path', 'status']) AS one
    FROM read_csv('<log>', columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', header = false,
                  auto_detect = false, ignore_errors = true)
  )
  SELECT one.day, one.path, one.status, count(*) AS hits,
         count(DISTINCT regexp_replace(one.address, '\.\d+$', '')) AS networks
  FROM lines GROUP BY ALL
) TO '<out>' (FORMAT parquet);
