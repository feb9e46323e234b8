#!/bin/sh
# Runs workerd, and ends it when the process that started it ends, however that happens: kill -9 lets nobody clean up. Otherwise workerd
# would go on serving, and the next registry would use the same folder.
parent=$PPID
(
  while kill -0 "$parent" && kill -0 $$; do sleep 0.5; done
  kill -9 $$
) <&- >/dev/null 2>&1 3>&- &
exec "$BERTH_WORKERD" "$@"
