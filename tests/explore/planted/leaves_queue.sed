# An owner leaves though something has been queued since it last looked.
/^orr_owner_unregister\(/,/^}/s/bool empty = .*;/bool empty = true;/
