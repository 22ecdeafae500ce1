/* up.c - a runtime that leans on what stands on it. */
#include "collectors/catalogue.h"
#include "runtime/object.h"
#include <stdio.h>
