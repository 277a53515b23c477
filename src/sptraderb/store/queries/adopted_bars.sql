-- select_bars --
-- The rows of a range as they are now, in order of time. {relation}, {columns}, {time} and {type} are
-- constants of the program; the bound has the column's own type, so that an index on it serves.
SELECT {columns} FROM {relation}
WHERE symbol = $1 AND {column} >= {low} AND {column} <= {high}
ORDER BY {column}

-- page_forward --
-- The first rows of a range.
SELECT {columns} FROM {relation}
WHERE symbol = $1 AND {column} >= {low} AND {column} <= {high}
ORDER BY {column} LIMIT $4

-- page_back --
-- The last rows of a range, ascending.
SELECT {names} FROM (
    SELECT {columns} FROM {relation}
    WHERE symbol = $1 AND {column} >= {low} AND {column} <= {high}
    ORDER BY {column} DESC LIMIT $4
) AS page ORDER BY bar_time

-- nth_time_before --
-- Open time of the n-th row before a moment, for a warm-up of exactly n bars.
SELECT extract(epoch FROM min(bar_time))::bigint FROM (
    SELECT {time} AS bar_time FROM {relation} WHERE symbol = $1 AND {column} < {low}
    ORDER BY {column} DESC LIMIT $3
) AS before

-- extent --
-- First and last row now, and how many came after the last one that was counted; three walks on an index.
SELECT (SELECT extract(epoch FROM min({time}))::bigint FROM {relation} WHERE symbol = $1) AS first_s,
       (SELECT extract(epoch FROM max({time}))::bigint FROM {relation} WHERE symbol = $1) AS last_s,
       (SELECT count(*) FROM {relation} WHERE symbol = $1 AND {column} > {low}) AS n_later
