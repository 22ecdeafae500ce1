RULE(1, "holds; always")
{
}

RULE(2, "is now written in other words "
        "than before")
{
}

RULE(3, "fails")
{
}
