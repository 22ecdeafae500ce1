/* sideways.c - a collector that knows a workload, and names a file from where it stands. */
#include "runtime/collector.h"
#include "sibling.h"
#  include "workloads/workload.h"
