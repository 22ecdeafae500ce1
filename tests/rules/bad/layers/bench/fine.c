/* fine.c - the bench sees every room below it. */
#include "bench/histogram.h"
#include "collectors/catalogue.h"
#include "runtime/orrery.h"
#include "workloads/workload.h"
