Test(thing, does_it)
{
}
