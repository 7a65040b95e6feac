-- A call budget remembers when the calls of the last window started, where it knew the earliest moment of the next one;
-- see domain/gate.ts.

update firstlogin.upstream_gates set state = (state - 'nextCallAt') || '{"starts": []}';
