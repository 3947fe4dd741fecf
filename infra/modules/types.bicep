metadata name = 'Types'
metadata description = 'Types that several modules share.'

@export()
@description('Tags of a resource.')
type tagsType = {
  @description('A tag.')
  *: string
}

@export()
@description('Settings of the program, by the names of the settings table in README.md. All are text in the environment.')
type appSettingsType = {
  @description('A setting.')
  *: string
}
