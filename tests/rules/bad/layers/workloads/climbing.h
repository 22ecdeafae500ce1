/* climbing.h - a workload that measures itself. */
#include "../runtime/object.h"
#include "bench/histogram.h"
